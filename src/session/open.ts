import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Care, openCare } from "../care/care.js";
import { mergeLedger } from "../care/ledger.js";
import { findDocuments, matchDocuments } from "../chunk/find.js";
import { badOption, badSessionName, badSetting, storeWriteFailed } from "../core/errors.js";
import { openLineage } from "../lineage/open.js";
import { bindShelf, openModelShelf } from "../models/shelf.js";
import { dtypeFor } from "../runtime/devices/dtype.js";
import { deviceKindOf, machineHasGpu } from "../runtime/devices/kind.js";
import { usableDevices } from "../runtime/devices/resolve.js";
import type { ModelCard } from "../schema/model-types.js";
import { sessionNamePattern } from "../schema/session-pack.js";
import { resolveSettings } from "../schema/settings.js";
import type { Settings } from "../schema/settings-types.js";
import { bindContext, type Session, type SessionContext } from "../stage/context.js";
import { modelUse } from "../stage/models.js";
import { withSessionCard } from "../stage/present.js";
import { makeFolders, removeFile } from "../store/atomic.js";
import { recoverSession } from "../store/finish.js";
import { layoutOf, ledgerIn } from "../store/layout.js";
import { lockSession } from "../store/lock.js";
import type { DiskQuota } from "../store/quota.js";
import { openRunStore } from "../store/runs.js";
import { beginSessionFile } from "../store/session-file.js";
import { defaults } from "./defaults.js";
import { quotaOf, sessionsFolder } from "./folder.js";
import { configLayers, fromEnvironment } from "./layers.js";
import { hubToken } from "./token.js";

/** What {@link openSession} takes: a name, where to keep the session, and any setting. */
export interface SessionOptions extends Partial<Settings> {
  /** Names the session's folder: letters, digits, `-`, `_`, `.`. */
  readonly name: string;
  /** Folder that holds sessions; default `/kaggle/working/rag-cells` on Kaggle, else `out` under the working directory. */
  readonly dir?: string;
  /** Rows for models that the registry lacks, or in place of its rows. */
  readonly addModels?: readonly ModelCard[];
  /**
   * Where the session comes from: the zip that `packSession` wrote, or a folder that holds it or
   * what was in it, also read-only. It is checked and unpacked once; later calls open what is there.
   */
  readonly from?: string;
}

/** What {@link openSession} takes for a session that comes from a pack: the name it had there will do. */
export interface MovedSessionOptions extends Partial<Settings> {
  readonly name?: string;
  readonly dir?: string;
  readonly addModels?: readonly ModelCard[];
  readonly from: string;
}

/**
 * Opens a session, new or as it was left: its folder, its settings, its lock.
 * Settings are laid over each other: defaults, `config/embedder.json`,
 * `config/embedder.config.json`, `.env` (all three under the working directory),
 * the environment, the call. With `from` it first makes the session of a pack stand
 * there, all of it or nothing; a session that came from that pack is opened as it is now.
 *
 * @throws RagError `bad_session_name`, `bad_setting`, `bad_config_file`, `bad_model_row`, `unknown_model`, `wrong_role`, `session_in_use`, `store_write_failed`;
 *   with `from` also `session_pack_missing`, `bad_session_pack`, `session_taken`, `folder_taken`, `disk_too_small`, `pack_write_failed`, `stopped`
 */
export async function openSession(options: SessionOptions | MovedSessionOptions): Promise<Session> {
  const { name: asked, dir, addModels = [], from, ...call } = options;
  if (from !== undefined && (typeof from !== "string" || from === ""))
    throw badOption("from", from, "a path is needed");
  if ((asked !== undefined || from === undefined) && !(typeof asked === "string" && sessionNamePattern.test(asked)))
    throw badSessionName(asked);
  const env = process.env;
  const root = sessionsFolder(env, dir);
  const resolved = resolveSettings([
    { layer: "default", source: "default", values: { ...(await defaults(env, root)) } },
    ...(await configLayers(process.cwd())),
    { layer: "environment", source: "env", values: fromEnvironment(env) },
    { layer: "call", source: "call", values: call },
  ]);
  if (!resolved.ok) throw badSetting(resolved.key, resolved.value, resolved.source, resolved.problem);
  const { settings, provenance } = resolved;
  const deviceKind = deviceKindOf(settings.device, env);
  const dtype = (card: ModelCard) => dtypeFor(card, settings.dtype, deviceKind);
  const shelf = openModelShelf(addModels, { ...settings, dtype }, await hubToken(env));
  const keys = {
    dense: settings.dense.map((name) => shelf.card(name, "dense").key),
    sparse: settings.sparse.map((name) => (name === "bm25" ? name : shelf.card(name, "sparse").key)),
    rerank: shelf.card(settings.rerank, "rerank").key,
  };

  const quota = quotaOf(settings, root);
  const name = from === undefined ? (asked as string) : await received(from, root, asked ?? null, quota);
  const layout = layoutOf(join(root, name));
  await makeFolders(layout.dir).catch((cause) => {
    throw storeWriteFailed(layout.dir, "the session's folder", cause);
  });
  const lock = await lockSession(layout.lockFile, name);
  let care: Care;
  try {
    await recoverSession(layout);
    await beginSessionFile(layout, name);
    if (existsSync(layout.movedVectorsFile)) {
      const { takeOverVectors } = await import("../move/vectors.js");
      await takeOverVectors(layout.movedVectorsFile, settings);
    }
    if (existsSync(layout.movedLedgerFile)) {
      await mergeLedger(ledgerIn(root), layout.movedLedgerFile);
      await removeFile(layout.movedLedgerFile);
    }
    const machine = { gpu: machineHasGpu(), ledger: ledgerIn(root), quota };
    care = await openCare(settings, provenance.sessionStart, machine);
  } catch (error) {
    lock.release();
    throw error;
  }

  const session: Session = Object.freeze(
    withSessionCard(
      {
        kind: "session" as const,
        name,
        dir: layout.dir,
        settings,
        provenance,
        close() {
          context.closed = true;
          lock.release();
        },
      },
      care,
    ),
  );
  const store = openRunStore(layout.dir);
  const context: SessionContext = {
    session,
    store,
    lineage: openLineage({
      store,
      settings,
      provenance,
      keys,
      dtype(key) {
        try {
          return dtype(shelf.card(key));
        } catch {
          return null;
        }
      },
      models: () => new Map([...shelf.places.located].map(([key, model]) => [key, modelUse(model, deviceKind)])),
      documents: { match: matchDocuments, find: findDocuments },
    }),
    env,
    deviceKind,
    devices: () => usableDevices(settings, env),
    locate: shelf.locate,
    card: shelf.card,
    care,
    async checkpoint() {
      const { checkpoint } = await import("../move/checkpoint.js");
      return checkpoint(session);
    },
    packed: null,
    closed: false,
  };
  bindContext(context);
  bindShelf(session, shelf);
  return session;
}

/** Makes the session of a pack stand in the sessions' folder. @returns its name */
async function received(from: string, root: string, asked: string | null, quota: DiskQuota | null): Promise<string> {
  // Loaded when it is needed: most sessions come from nowhere.
  const { receiveSession } = await import("../move/receive.js");
  return receiveSession(from, root, asked, quota);
}
