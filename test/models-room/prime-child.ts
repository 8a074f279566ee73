/** Primes the cache of a session that its argument describes: a process that a test can kill. */
import * as rag from "../../dist/index.js";

const session = await rag.openSession(JSON.parse(process.argv[2] ?? "") as rag.SessionOptions);
await rag.primeCache(session);
session.close();
