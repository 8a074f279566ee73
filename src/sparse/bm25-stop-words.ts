/**
 * English words that say nothing about what a text is about: articles,
 * conjunctions, short prepositions, pronouns, forms of "be", "have" and "do", and
 * question words. Words that can carry the meaning of a technical question (no,
 * not, all, before, after, over, under, off, can) stay in.
 */
export const englishStopWords: ReadonlySet<string> = new Set(
  `a an the
   and but if or so than that
   as at by for from in into of on to with
   he her his i it its me my our she their them they this these those we you your
   am are be been being is was were do does did has have had
   how what when where which who why there`.split(/\s+/),
);
