import { random } from "../../lib/random.ts";

const WORDS = [
  ..."alpha beta gamma run() don't 3.14 e.g. snake_case *bold* `code` [link](http://x.y/z) <b>tag</b> &amp; \\* $x^2$".split(
    " ",
  ),
  ..."汉字没有空格。 日本語のテキスト、続き。 한국어 ไทยไม่เว้นวรรค שלום مرحبا नमस्ते। Ελλάδα".split(" "),
  ..."👩‍👩‍👧‍👦 🇩🇪 😀 e\u0301 z\u0335\u0321\u0321 \u{20000} \u200b".split(" "),
];

const CODE = [
  "# no heading",
  "def f(x):",
  "    return x  # one",
  "\tindented\ttabs",
  "",
  "const a = `b`;",
  "> no quote",
  "- no item",
  "| no | table |",
  "<!-- no comment",
];

/** A Markdown document made from a seed: every kind of block, scripts of all sorts, each line ending. Every block stands between blank lines, so that its kind is beyond doubt. */
export function generateMarkdown(seed: number): string {
  const next = random(seed);
  const below = (n: number) => Math.floor(next() * n);
  const some = (n: number) => 1 + below(n);
  const pick = <T>(from: readonly T[]) => from[below(from.length)] as T;
  const many = <T>(n: number, make: (i: number) => T) => Array.from({ length: n }, (_, i) => make(i));
  const text = (n: number) =>
    many(some(n), () => pick(WORDS) + pick(["", "", "", ",", ".", "!"])).join(pick([" ", " ", "  "]));
  const sentences = (n: number) => many(some(n), () => `Then ${text(12)}.`).join(" ");

  const heading = () => [`${"#".repeat(some(6))} ${text(5)}${pick(["", " ##"])}`];
  const blocks: (() => string[])[] = [
    heading,
    heading,
    heading,
    () => [`Under ${text(4)}`, pick(["===", "---", "="])],
    () => many(some(3), () => sentences(6)),
    () => [sentences(40)],
    () => {
      const fence = pick(["```", "~~~", "````"]);
      return [fence + pick(["", "python", "ts"]), ...many(below(25), () => pick(CODE)), fence];
    },
    () => many(some(4), () => `    ${pick(["code()", "# no heading", "a = 1"])}`),
    () =>
      many(
        some(9),
        (i) => `${pick(["- ", "- "])}${text(8)}${i % 3 === 2 ? "\n  - nested\n\n    more of it\n    - deeper" : ""}`,
      ),
    () => many(some(6), (i) => `${i + 1}. ${text(8)}`),
    () => ["| a | b |", "|---|:-:|", ...many(below(20), () => `| ${text(3).replaceAll("|", "")} | x |`)],
    () => ["> # no section", ...many(some(4), () => `> ${text(8)}`), "lazy line"],
    () => ["<!--", "# no heading", "", "still a comment", "-->"],
    () => ["<div>", text(4), "</div>"],
    () => [pick(["***", "* * *", "___"])],
    () => [`[ref${below(9)}]: http://x.y/z`],
    () => ["x".repeat(some(400))],
    () => ["#no heading", "####### no heading either"],
  ];
  const matter = next() < 0.3 ? ["---", "title: x", "# a comment", "---", ""] : [];
  const parts = many(some(25), () => [...pick(blocks)(), ...many(some(3), () => pick(["", "", "  ", "\t"]))]);
  const ending = pick(["\n", "\n", "\r\n", "\r"]);
  return [...matter, ...parts.flat()].join("\n").replaceAll("\n", ending) + pick(["", ending]);
}
