"""One lower-case WordPiece tokenizer for the three models, in the form BertTokenizer has on the hub."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

from corpus import Section

VOCABULARY = 8192
PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL = [PAD, UNK, CLS, SEP, MASK]
PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID = range(5)


def train_tokenizer(sections: list[Section]) -> Tokenizer:
    """Word pieces of the training sections and their headings. Special ids are 0 to 4, in the order of SPECIAL."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=UNK, max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    trainer = trainers.WordPieceTrainer(
        vocab_size=VOCABULARY,
        min_frequency=2,
        limit_alphabet=300,
        special_tokens=SPECIAL,
        continuing_subword_prefix="##",
        show_progress=False,
    )
    texts = [text for section in sections for text in (section.query, section.body)]
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(CLS, CLS_ID), (SEP, SEP_ID)],
    )
    return tokenizer


def word_piece_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Ids without [CLS] and [SEP], one list a text."""
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
