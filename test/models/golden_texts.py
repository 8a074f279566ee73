"""Twenty texts and twenty pairs of every kind the tokenizer and the length limits can meet."""

PROSE = (
    "A session belongs to one folder. It remembers what each stage has done, so that a cell which runs again "
    "returns the stored result at once."
)
CODE = """```python
from qdrant_client import QdrantClient, models

client = QdrantClient(url="http://localhost:6333")
client.create_collection("docs", vectors_config=models.VectorParams(size=128, distance=models.Distance.COSINE))
```"""
TABLE = """| format | reader | pages/s |
|:-------|:-------|--------:|
| PDF    | `dlparse_v4` | 2.45 |
| DOCX   | `SimplePipeline` | 31.0 |"""
LIST = "- convert the files\n- cut them into chunks\n  1. by headings\n  2. by tokens\n- embed, then export"
GERMAN = "Die Größe des Puffers überschreitet 4 096 Bytes – bitte prüfen Sie die Einstellungen für Zürich."
CHINESE = "向量数据库存储嵌入,并按相似度检索文档。"
ARABIC = "قاعدة بيانات المتجهات تبحث عن النصوص المتشابهة."
COMBINING = "cafe\u0301 nai\u0308ve fac\u0327ade \ufb01le \u212bngstr\u00f6m \u1e9b\u0323"
EMOJI = "Ship it 🚀🚀 when the tests are green ✅ 👩‍💻 (not before 🙈)"
CONTROL = "tab\tnewline\nreturn\rnull\u0000zero\u200bwidth\u00a0space\ufeffmark\u00adhyphen"
LONG_WORD = "pneumono" * 14 + " is one word of more than a hundred letters"
HTML = '<a href="https://example.org/?q=1&amp;r=2" onclick="alert(1)">click &lt;here&gt;</a><!-- no -->'
SPECIALS = "The literal [SEP] and [CLS] and [MASK] and [PAD] stand in this text."
NUMBERS = "3.14159 1e-5 0xFF 2026-11-20T19:30:00Z 192.168.0.1 v4.1.0-rc.2 12,000,000"
IDENTIFIERS = "processing_summary.json DocumentConverter HF_HUB_OFFLINE on_disk_payload export_to_markdown()"
JSON_TEXT = '{"filter": {"must": [{"key": "city", "match": {"value": "London"}}]}, "limit": 10}'
LONG = " ".join(
    f"Paragraph {number}: the collection holds vectors, payloads and an index; shard {number % 7} answers queries."
    for number in range(60)
)
LONG_CODE = "\n".join(f"    result_{number} = await client.search(collection, vector[{number}])" for number in range(50))

TEXTS = {
    "empty": "",
    "one space": " ",
    "one letter": "a",
    "punctuation": "?!… —",
    "question": "How do I filter points by a nested payload key?",
    "prose": PROSE,
    "code": CODE,
    "table": TABLE,
    "list": LIST,
    "german": GERMAN,
    "chinese": CHINESE,
    "combining marks": COMBINING,
    "emoji": EMOJI,
    "control characters": CONTROL,
    "one long word": LONG_WORD,
    "html": HTML,
    "special tokens as text": SPECIALS,
    "identifiers and numbers": f"{IDENTIFIERS} {NUMBERS}",
    "long prose, truncated": LONG,
    "long code, truncated": LONG_CODE,
}

PAIRS = {
    "answer": ("create a collection with cosine distance", CODE),
    "no answer": ("create a collection with cosine distance", TABLE),
    "empty query": ("", PROSE),
    "empty passage": ("what does a session remember", ""),
    "both empty": ("", ""),
    "one letter each": ("a", "a"),
    "same text": (PROSE, PROSE),
    "prose": ("what does a session remember?", PROSE),
    "table": ("how many pages a second does the PDF reader do", TABLE),
    "list": ("steps from files to export", LIST),
    "german": ("Puffer überschreitet Größe", GERMAN),
    "chinese": ("向量 检索", CHINESE),
    "arabic": ("نصوص متشابهة", ARABIC),
    "emoji": ("🚀 tests ✅", EMOJI),
    "control characters": ("zero\u200bwidth", CONTROL),
    "special tokens as text": ("what is [SEP]", SPECIALS),
    "json": ("match a city in a filter", JSON_TEXT),
    "long passage, truncated": ("which shard answers queries?", LONG),
    "long code, truncated": ("search a collection with await", LONG_CODE),
    "long query, truncated passage": (f"{PROSE} {PROSE} {PROSE}", LONG),
}
