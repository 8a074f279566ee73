/** The page's style sheet. Colours are variables, so that dark differs in one place. */
export const PAGE_STYLE = `
:root {
  color-scheme: light dark;
  --paper: #fcfcfb; --surface: #f4f4f1; --line: #e3e3de; --ink: #23262b; --soft: #6a6f78; --link: #1f5fa8; --bad: #b3261e; --bad-surface: #fcf0ee;
  --keyword: #8a3b7d; --string: #2f6f43; --number: #a0561a; --comment: #7d828a; --title: #1f5fa8; --type: #0f6b75;
  --red: #b3261e; --green: #2f7d46; --yellow: #8d6a00; --blue: #1f5fa8; --magenta: #8a3b7d; --cyan: #0f6b75;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16181b; --surface: #1e2125; --line: #31353b; --ink: #dcdfe4; --soft: #989ea8; --link: #82b4ee; --bad: #f2918a; --bad-surface: #2b1d1d;
    --keyword: #d79bcb; --string: #94c99e; --number: #e0aa78; --comment: #868c96; --title: #82b4ee; --type: #78c5cd;
    --red: #f2918a; --green: #86c994; --yellow: #d9b75c; --blue: #82b4ee; --magenta: #d79bcb; --cyan: #78c5cd;
  }
}
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; -webkit-text-size-adjust: 100%; }
body { margin: 0; }
main { max-width: 960px; margin: 0 auto; padding: 3.5rem 1.5rem 1rem; }
footer { max-width: 960px; margin: 0 auto; padding: 1.25rem 1.5rem 4rem; color: var(--soft); font-size: .85rem; }
.prose { max-width: 44rem; margin: 1.75rem 0 1rem; overflow-wrap: break-word; }
.prose:first-child { margin-top: 0; }
.prose > :first-child { margin-top: 0; }
.prose > :last-child { margin-bottom: 0; }
h1 { font-size: 2.1rem; line-height: 1.2; font-weight: 680; letter-spacing: -.022em; margin: 2.5rem 0 1rem; }
h2 { font-size: 1.35rem; line-height: 1.3; font-weight: 650; letter-spacing: -.012em; margin: 2.5rem 0 .6rem; }
h3 { font-size: 1.08rem; font-weight: 650; margin: 1.75rem 0 .5rem; }
p, ul, ol, blockquote, .prose table { margin: .8rem 0; }
a { color: var(--link); text-underline-offset: .15em; text-decoration-thickness: 1px; }
blockquote { padding-left: 1rem; border-left: 3px solid var(--line); color: var(--soft); }
hr { border: 0; border-top: 1px solid var(--line); margin: 2rem 0; }
code, pre { font-family: ui-monospace, "SF Mono", SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: .86rem; font-variant-ligatures: none; }
:not(pre) > code { background: var(--surface); border-radius: 4px; padding: .1em .32em; }
pre { margin: 0; line-height: 1.55; tab-size: 2; overflow-x: auto; }
.prose pre { background: var(--surface); border-radius: 8px; padding: .8rem 1rem; }
.prose table { border-collapse: collapse; font-size: .92rem; }
.prose th, .prose td { text-align: left; padding: .35rem .9rem .35rem 0; border-bottom: 1px solid var(--line); }
img { max-width: 100%; height: auto; }
.cell { margin: 1rem 0 1.9rem; }
.code { position: relative; background: var(--surface); border: 1px solid var(--line); border-radius: 8px; padding: .85rem 1.1rem; }
.count, .time { color: var(--soft); font-size: .72rem; line-height: 1; font-variant-numeric: tabular-nums; }
.count { position: absolute; right: 100%; top: 1.15rem; margin-right: .8rem; }
.time { float: right; margin: .25rem 0 .25rem 1.25rem; }
.outputs { margin-top: .8rem; display: grid; gap: .7rem; grid-template-columns: minmax(0, 1fr); }
.stream { padding: .1rem 1.1rem; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 34rem; overflow-y: auto; }
.stderr { color: var(--soft); border-left: 3px solid var(--line); }
.failed .code { border-color: var(--bad); }
.failed .stderr { color: var(--bad); background: var(--bad-surface); border-left-color: var(--bad); border-radius: 0 8px 8px 0; padding: .6rem 1.1rem; }
.html { overflow-x: auto; }
.html svg { max-width: 100%; }
.hljs-keyword, .hljs-literal, .hljs-variable.language_ { color: var(--keyword); }
.hljs-string, .hljs-regexp, .hljs-meta .hljs-string { color: var(--string); }
.hljs-number { color: var(--number); }
.hljs-comment { color: var(--comment); font-style: italic; }
.hljs-title, .hljs-attr { color: var(--title); }
.hljs-title.class_, .hljs-type, .hljs-built_in { color: var(--type); }
.hljs-subst { color: var(--ink); }
.ansi-bold { font-weight: 650; }
.ansi-0 { color: var(--soft); } .ansi-1 { color: var(--red); } .ansi-2 { color: var(--green); } .ansi-3 { color: var(--yellow); }
.ansi-4 { color: var(--blue); } .ansi-5 { color: var(--magenta); } .ansi-6 { color: var(--cyan); } .ansi-7 { color: var(--ink); }
@media (max-width: 1080px) { .count { display: none; } }
@media print { main, footer { max-width: none; padding: 0; } .stream { max-height: none; } .cell { break-inside: avoid-page; } }
`;
