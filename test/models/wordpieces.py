"""One lower-case WordPiece tokenizer for the three models, in the form BertTokenizer has on the hub.

The pieces are found here and not by the tokenizers library: its trainer breaks ties by the order
of a randomly seeded hash map, so two trainings on the same text give two vocabularies.
"""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

VOCABULARY = 8192
ALPHABET = 300
PREFIX = "##"
PAD, UNK, CLS, SEP, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL = [PAD, UNK, CLS, SEP, MASK]
PAD_ID, UNK_ID, CLS_ID, SEP_ID, MASK_ID = range(5)

Pair = tuple[str, str]


def joined(pair: Pair) -> str:
    return pair[0] + pair[1].removeprefix(PREFIX)


def merged(pieces: list[str], pair: Pair) -> list[str]:
    result: list[str] = []
    for piece in pieces:
        if result and (result[-1], piece) == pair:
            result[-1] = joined(pair)
        else:
            result.append(piece)
    return result


def find_pieces(words: Counter[str], size: int) -> list[str]:
    """Byte-pair merges, most frequent first, ties by the pieces' own order (Sennrich et al. 2016)."""
    letters = Counter()
    for word, count in words.items():
        letters.update({letter: word.count(letter) * count for letter in set(word)})
    alphabet = sorted(sorted(letters), key=lambda letter: -letters[letter])[:ALPHABET]
    known = set(alphabet)
    spelled = [
        ([word[0], *(PREFIX + letter for letter in word[1:])], count)
        for word, count in sorted(words.items())
        if known.issuperset(word)
    ]
    pieces = sorted(alphabet) + [PREFIX + letter for letter in sorted(alphabet)]
    totals: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, (parts, count) in enumerate(spelled):
        for pair in zip(parts, parts[1:]):
            totals[pair] += count
            places[pair].add(index)
    found = dict.fromkeys(pieces)
    queue = [(-count, pair) for pair, count in totals.items()]
    heapify(queue)
    while len(found) < size and queue:
        negative, best = heappop(queue)
        if -negative != totals[best]:
            continue  # an older count: a newer entry of this pair is in the queue
        if totals[best] < 2:
            break
        changed: set[Pair] = set()
        for index in places.pop(best):
            parts, count = spelled[index]
            renewed = merged(parts, best)
            for pair in zip(parts, parts[1:]):
                totals[pair] -= count
                changed.add(pair)
            for pair in zip(renewed, renewed[1:]):
                totals[pair] += count
                places[pair].add(index)
                changed.add(pair)
            spelled[index] = (renewed, count)
        for pair in changed:
            if totals[pair] > 0:
                heappush(queue, (-totals[pair], pair))
        found[joined(best)] = None
    return list(found)


def train_tokenizer(texts: list[str]) -> Tokenizer:
    """Special ids are 0 to 4, in the order of SPECIAL; no truncation and no padding is set."""
    normalizer = normalizers.BertNormalizer(lowercase=True)
    splitter = pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in texts:
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    vocabulary = SPECIAL + find_pieces(words, VOCABULARY - len(SPECIAL))
    tokenizer = Tokenizer(
        models.WordPiece(
            vocab={piece: index for index, piece in enumerate(vocabulary)},
            unk_token=UNK,
            max_input_chars_per_word=100,
            continuing_subword_prefix=PREFIX,
        )
    )
    tokenizer.add_special_tokens(SPECIAL)
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = splitter
    tokenizer.decoder = decoders.WordPiece(prefix=PREFIX, cleanup=True)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{CLS} $A {SEP}",
        pair=f"{CLS} $A {SEP} $B:1 {SEP}:1",
        special_tokens=[(CLS, CLS_ID), (SEP, SEP_ID)],
    )
    return tokenizer


def word_piece_ids(tokenizer: Tokenizer, texts: list[str]) -> list[list[int]]:
    """Ids without [CLS] and [SEP], one list a text."""
    return [encoding.ids for encoding in tokenizer.encode_batch(texts, add_special_tokens=False)]
