import assert from "node:assert/strict";
import { test } from "node:test";
import { escapeHtml, lastLine, plainText, terminalHtml, withoutHidden } from "../../dist/notebook/terminal.js";

test("colours become classes until they are reset; 256 and 24 bit colours are skipped whole", () => {
  assert.equal(terminalHtml("a\u001b[32mb\u001b[39mc"), 'a<span class="ansi-2">b</span>c');
  assert.equal(
    terminalHtml("\u001b[1mb\u001b[22m \u001b[94mx\u001b[m."),
    '<span class="ansi-bold">b</span> <span class="ansi-4">x</span>.',
  );
  assert.equal(terminalHtml("\u001b[38;5;31mx\u001b[38;2;1;31;3my"), "xy");
});

test("other escapes vanish, whole or cut off", () => {
  const escapes = "\u001b[2J\u001b[?25l\u001b]8;;http://x\u0007link\u001b]8;;\u001b\\ \u001b(B\u001bM\u001b[12";
  assert.equal(terminalHtml(escapes).trimEnd(), "link");
  assert.equal(plainText("a\u0008\u0000b\u001b[31mc"), "abc");
});

test("a line overwritten by a carriage return shows its last state", () => {
  assert.equal(plainText("1 %\r50 %\r100 %\ndone\r\n"), "100 %\ndone\n");
  assert.equal(plainText("1 %\r50 %\r"), "50 %");
});

test("the last line is printable and one line", () => {
  assert.equal(lastLine("first\n\u001b[31m12 of 40\tchunks\u001b[0m \n\n"), "12 of 40 chunks");
  assert.equal(lastLine("\n"), "");
});

test("text for HTML can't end an attribute, nor hide or turn what is read", () => {
  assert.equal(escapeHtml(`<a href="x" title='y'>&`), "&lt;a href=&quot;x&quot; title=&#39;y&#39;&gt;&amp;");
  assert.equal(withoutHidden("a\u202eb\u0000c\u001bd\n\t"), "a[U+202E]bcd\n\t");
});
