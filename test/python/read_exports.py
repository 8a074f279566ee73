"""Reads an exported collection with the tools it is made for: NumPy, FAISS and Qdrant.

    python read_exports.py FOLDER     reads the export in FOLDER, prints what it found as JSON

Qdrant runs in its client's local mode: the client checks points as it would for a server.
"""

import io
import json
import sys
from pathlib import Path

NEIGHBOURS = 5
QUERIES = 10


def one(files: dict, role: str) -> Path:
    """The only file of a role, or the first one where several stand."""
    return files[role][0][0]


def listed(folder: Path) -> tuple[dict, dict]:
    """The manifest, and its files by role with their names."""
    manifest = json.loads((folder / "processing_summary.json").read_text("utf-8"))
    files: dict = {}
    for artefact in manifest["artefacts"]:
        files.setdefault(artefact["role"], []).append((folder / artefact["path"], artefact.get("name")))
    return manifest, files


def read_arrays(files: dict) -> dict:
    """Every array as NumPy loads it; `same_bytes` tells whether NumPy would have written the same file."""
    import numpy as np

    found = {}
    for path, name in files["dense"]:
        array = np.load(path, allow_pickle=False)
        again = io.BytesIO()
        np.save(again, array, allow_pickle=False)
        lengths = np.linalg.norm(array.astype(np.float64), axis=1)
        found[name] = {
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "same_bytes": again.getvalue() == path.read_bytes(),
            "furthest_from_1": float(np.abs(lengths - 1).max()),
        }
    return found


def read_index(files: dict) -> dict:
    """The index as FAISS loads and searches it, beside a plain product of matrices."""
    import faiss
    import numpy as np

    path = one(files, "index")
    index = faiss.read_index(str(path))
    array = np.load(one(files, "dense"))
    scores, rows = index.search(array[:QUERIES], NEIGHBOURS)
    products = array[:QUERIES].astype(np.float64) @ array.T.astype(np.float64)
    expected = np.argsort(-products, axis=1, kind="stable")[:, :NEIGHBOURS]
    again = path.with_suffix(".again")
    faiss.write_index(index, str(again))
    same = again.read_bytes() == path.read_bytes()
    again.unlink()
    return {
        "type": type(index).__name__,
        "rows": index.ntotal,
        "dim": index.d,
        "same_bytes": same,
        "same_rows": bool((index.reconstruct_n(0, index.ntotal) == array).all()),
        "neighbours_equal": rows.tolist() == expected.tolist(),
        "score_difference": float(np.abs(scores - np.take_along_axis(products, rows, axis=1)).max()),
    }


def read_points(files: dict, collection: str) -> dict:
    """All points in a Qdrant collection made from the export's own configuration, searched dense and sparse."""
    import numpy as np
    from qdrant_client import QdrantClient, models

    body = json.loads(one(files, "collection").read_text("utf-8"))
    client = QdrantClient(":memory:")
    client.create_collection(
        collection,
        vectors_config={name: models.VectorParams(**config) for name, config in body["vectors"].items()},
        sparse_vectors_config={name: models.SparseVectorParams(**config) for name, config in body["sparse_vectors"].items()},
    )
    with one(files, "points").open(encoding="utf-8", newline="\n") as lines:
        points = [models.PointStruct(**json.loads(line)) for line in lines]
    for start in range(0, len(points), 100):
        client.upsert(collection, points[start : start + 100], wait=True)

    texts = json.loads(one(files, "texts").read_text("utf-8"))
    stored = {record.id: record for record in client.scroll(collection, limit=len(points) + 1)[0]}
    found = {
        "count": client.count(collection).count,
        "texts_equal": [stored[point.id].payload["text"] for point in points] == texts,
        "dense": {},
        "sparse": {},
    }
    for path, name in files["dense"]:
        array = np.load(path).astype(np.float64)
        products = array[:QUERIES] @ array.T
        expected = np.argsort(-products, axis=1, kind="stable")[:, :NEIGHBOURS]
        equal = True
        for row in range(QUERIES):
            hits = client.query_points(collection, query=array[row].tolist(), using=name, limit=NEIGHBOURS).points
            equal &= [hit.payload["row"] for hit in hits] == expected[row].tolist()
            equal &= bool(np.allclose([hit.score for hit in hits], products[row][expected[row]], atol=1e-5))
        found["dense"][name] = bool(equal)
    for path, name in files.get("sparse", []):
        lines = [json.loads(line)["sparse_vector"] for line in path.read_text("utf-8").splitlines()]
        vectors = [dict(zip(line["indices"], line["values"])) for line in lines]
        equal = True
        for query in vectors[:QUERIES]:
            if not query:
                continue
            scores = [sum(value * vector.get(index, 0.0) for index, value in query.items()) for vector in vectors]
            best = sorted(scores, reverse=True)[:NEIGHBOURS]
            sparse = models.SparseVector(indices=list(query), values=list(query.values()))
            hits = client.query_points(collection, query=sparse, using=name, limit=NEIGHBOURS).points
            equal &= all(abs(hit.score - scores[hit.payload["row"]]) < 1e-4 for hit in hits)
            equal &= all(abs(hit.score - score) < 1e-4 for hit, score in zip(hits, best))
        found["sparse"][name] = bool(equal)
    return found


def main() -> None:
    manifest, files = listed(Path(sys.argv[1]))
    result = {"arrays": read_arrays(files), "index": read_index(files), "points": read_points(files, manifest["collection"])}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
