/**
 * What a cell may write, as tslab's compiler (TypeScript 5.0.4, node10 resolution,
 * not strict, declarations on) sees the package. Everything is exported, since the
 * kernel writes a declaration of every variable: a type that can't be named fails.
 * A line under `@ts-expect-error` must be refused; one that is not is an error too.
 *
 *     npm run typecheck:tslab
 */
import * as rag from "rag-cells";

// the journey
export const session = await rag.openSession({
  name: "types",
  dense: ["sample-dense"],
  sparse: ["sample-splade", "bm25"],
  enableRerank: true,
});
export const models = await rag.primeCache(session);
export const pack = await rag.packCache(session, "pack", { title: "my models", id: "me/my-models" });
export const unpacked = await rag.unpackCache(session, "pack.zip", "unpacked");
export const packedKeys = unpacked.models.map(({ key }) => key);
export const chunks = await rag.chunk(session, { files: "corpus/**/*.md" });
export const dense = await rag.runDense(session, chunks, { dim: 64, fusion: "concat" });
export const sparse = await rag.runSparse(session, chunks, { models: ["bm25"] });
export const queries = rag.queries(["how do I export tables?"]);
export const judged = await rag.queriesFromFile("questions.json");
export const fused = await rag.fuse(session, queries, [dense, sparse], { method: "minmax", depth: 50 });
export const ranked = await rag.rerank(session, fused, { topK: 5 });
export const collection = await rag.exportCollection(session, [chunks, dense, sparse, ranked]);

// moving a session
export const taken = await rag.packSession(session, { to: "types.session.zip", collection: false });
export const goesOn = taken.inTheMaking.map(({ stage, batches }) => `${stage}: ${batches}`);
export const moved = await rag.openSession({ from: taken.path, enableRerank: false });
export const renamed = await rag.openSession({ name: "types-2", from: "types.session.zip" });
// @ts-expect-error a session that comes from nowhere needs a name
export const nameless = await rag.openSession({ enableRerank: false });

// looking at what is there
export const runs = await rag.history(session);
export const count = runs.numRows();
export const stored = await rag.latest(session, "fuse");
export const again = await rag.rerank(session, stored, { queries });
export const disk = await rag.listRuns(session);
export const freed = (await rag.removeRuns(session, { unused: true }, { dryRun: true })).bytes;
export const gone = await rag.removeRuns(session, [chunks.id, dense.id]);
export const parity = await rag.checkParity(session, { files: "corpus/**/*.md", baseline: "parity.json", write: true });
export const firstDifference = parity.difference?.row;
export const vectors = await rag.readVectors(dense);
export const rows = rag.listModels();
export const licence = rows[0]?.licence;
await rag.show(collection);
export const why = await rag.explain(dense);
export const setters = why.settings.map(({ name, setBy }) => [name, setBy.source]);
export const whyOff = await rag.explain(sparse);
export const whoSet = whyOff.kind === "explanation" ? whyOff.standing?.state : whyOff.setBy.source;
export const report = await rag.stale(session);
export const firstReason = report.stages[0]?.reasons[0]?.words;
export const shown = await rag.readChunks(chunks, 0, 2);
export const stream = rag.streamChunks(chunks);
export const path = shown[0]?.sectionPath.join(" > ");

// a stage that may be off is looked at first
export const matrix = sparse.kind === "sparse" ? await rag.readSparse(sparse, "bm25") : null;
export const coverage = sparse.kind === "sparse" ? sparse.vectors[0]?.coverage : sparse.source;
export const best = ranked.kind === "rerank" ? ranked.results[0]?.candidates[0]?.logit : ranked.reason;

// @ts-expect-error a stage that may be off has no vectors before one has looked
export const unlooked = sparse.vectors;
// @ts-expect-error nor has it results
export const unranked = ranked.results;
// @ts-expect-error what may be off can't be read as if it were not
await rag.readSparse(sparse);

// @ts-expect-error a session has a name
await rag.openSession({ dir: "out" });
// @ts-expect-error there is no setting of this name
await rag.openSession({ name: "types", denseModel: "sample-dense" });
// @ts-expect-error a list of models, not one
await rag.openSession({ name: "types", dense: "sample-dense" });
// @ts-expect-error one of the kinds of devices
await rag.openSession({ name: "types", device: "tpu" });

// @ts-expect-error the session comes first
await rag.runDense(chunks, session);
// @ts-expect-error chunks, not documents
await rag.runDense(session, "corpus/**/*.md");
// @ts-expect-error chunks, not vectors: the wrong order of stages
await rag.runSparse(session, dense);
// @ts-expect-error queries come before runs
await rag.fuse(session, [dense, sparse], queries);
// @ts-expect-error plain texts are no queries yet
await rag.fuse(session, ["how do I export tables?"], [dense]);
// @ts-expect-error runs are passed in an array
await rag.fuse(session, queries, dense);
// @ts-expect-error chunks can't be fused
await rag.fuse(session, queries, [chunks]);
// @ts-expect-error there is no such method
await rag.fuse(session, queries, [dense], { method: "mean" });
// @ts-expect-error reranking wants fused candidates
await rag.rerank(session, dense);
// @ts-expect-error there is no option of this name
await rag.rerank(session, fused, { top_k: 5 });
// @ts-expect-error queries is given an array
rag.queries("how do I export tables?");
// @ts-expect-error a promise is not its run: await it
await rag.runDense(session, rag.chunk(session, { files: "*.md" }));
// @ts-expect-error a stage's name, not a verb's
await rag.latest(session, "runDense");
// @ts-expect-error vectors of a dense run, not of a sparse one
await rag.readVectors(sparse);
// @ts-expect-error there is no such verb
await rag.embed(session, chunks);
// @ts-expect-error results are read-only
chunks.count = 0;
// @ts-expect-error in an export, runs stand in an array
await rag.exportCollection(session, chunks);
