/**
 * What of our code and of the libraries decides a vector's bits. Journals and kept
 * vectors of another version are not used. A test holds the libraries' versions
 * against those that are installed; raise the number in front when our own part
 * (tokenizing, padding, pooling) would give other numbers for the same text.
 */
export const ENCODER_VERSION = "1 onnxruntime-node@1.26.0 @huggingface/tokenizers@0.2.0";
