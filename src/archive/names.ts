/** What is wrong with the name of an entry, whatever the archive is of; null where nothing is. */
export function nameProblem(name: string): string | null {
  if (/\p{Cc}/u.test(name)) return "has control characters in its name";
  if (name.startsWith("/")) return "has an absolute path";
  if (/^[A-Za-z]:/.test(name)) return "begins with a drive letter";
  if (name.includes("\\")) return "has a backslash in its name";
  if (name.split("/").includes("..")) return 'leads out of its folder with ".."';
  return null;
}
