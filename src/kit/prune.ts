/** What of a package is not needed to run it on 64-bit Linux. */

/** Texts that have to go with a package, whatever else is left out. */
const LICENCE = /^(?:licen[cs]e|copying|notice|copyright|authors|third[-_ ]?party)[^/]*$/i;

/** Folders at the top of a package that hold what its makers use. */
const FOLDERS = /^(?:test|tests|__tests__|docs?|examples?|benchmarks?|coverage|website|man|\.github)\//;

/** Source maps, documentation, build files, and sources that were compiled. */
const FILES =
  /\.(?:map|md|markdown|tsbuildinfo|c|cc|cpp|h|hpp|gyp|gypi|cmake|flow|patch|bash|sh)$|(?:^|\/)(?:CMakeLists\.txt|tsconfig[^/]*\.json|vcpkg\.json|\.[^/]+)$|(?<!\.d)\.[cm]?tsx?$/i;

interface Rule {
  /** Where it is given, nothing but this is kept. */
  readonly keep?: RegExp;
  readonly drop?: RegExp;
}

/** Packages that bring files for other systems, for browsers or for building. */
const PACKAGES: Readonly<Record<string, Rule>> = {
  // The binaries of one Node serve all later ones too: these are the oldest and the newest interface.
  zeromq: { drop: /^(?:script|src)\/|^build\/(?!manifest\.json$|linux\/x64\/node\/glibc-1[2-9]\d-)/ },
  "onnxruntime-node": { drop: /^script\/|^bin\/napi-v\d+\/(?!linux\/x64\/)/ },
  // Node's builds of transformers.js have what they need of it inside.
  "onnxruntime-web": { keep: /^(?:package\.json|types\.d\.ts|dist\/ort\.node\.min\.m?js)$/ },
  "@huggingface/transformers": { drop: /^src\/|^dist\/(?!transformers\.node\.[cm]js$)/ },
  // tslab takes the compiler alone, in English.
  "@tslab/typescript-for-tslab": {
    drop: /^bin\/|^lib\/(?:tsc|tsserver|tsserverlibrary|typingsInstaller|watchGuard|cancellationToken)\.|^lib\/tsserverlibrary\.d\.ts$|^lib\/[a-z-]+\//i,
  },
  "cmake-ts": { keep: /^(?:package\.json|build\/loader\.(?:m?js|d\.ts))$/ },
  "node-addon-api": { keep: /^(?:package\.json|index\.js)$/ },
  "highlight.js": { drop: /^(?:styles|scss)\// },
  node: { keep: /^package\.json$/ },
  "faiss-node": { keep: /^(?:package\.json|lib\/.*|build\/Release\/faiss-node\.node)$/ },
};

/** Whether a file of a package is needed; the path starts at the package's folder, with `/`. */
export function isNeeded(name: string, path: string): boolean {
  const file = path.slice(path.lastIndexOf("/") + 1);
  if (LICENCE.test(file) && !/\.[cm]?[jt]sx?$/.test(file)) return true;
  if (FOLDERS.test(path) || FILES.test(path)) return false;
  const rule = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  if (rule?.keep) return rule.keep.test(path);
  return !rule?.drop?.test(path);
}

/** What of rag-cells' own published folders goes into a kit: all of it but what is made anew. */
export function isOwnFile(path: string): boolean {
  return !/(?:^|\/)(?:__pycache__|\.ipynb_checkpoints)\/|\.(?:map|tsbuildinfo|pyc)$/.test(path);
}
