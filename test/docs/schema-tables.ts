/** The tables that are made from the zod schemas. */
import { z } from "zod";
import { ProcessingSummarySchema } from "../../dist/schema/manifest.js";
import { configKeys, environmentKeys, SettingsSchema } from "../../dist/schema/settings.js";

/** One row a setting. Defaults depend on the machine and are not in the schema: a test compares them with a session's. */
export function settingsTable(): string {
  const rows = Object.entries(SettingsSchema.shape).map(([name, schema]) => {
    const variables = Object.entries(environmentKeys)
      .filter(([, { setting }]) => setting === name)
      .map(([variable]) => `\`${variable}\``);
    const keys = Object.entries(configKeys)
      .filter(([, setting]) => setting === name)
      .map(([key]) => `\`${key}\``);
    return `| \`${name}\` | ${typeOf(z.toJSONSchema(schema as z.ZodType) as JsonSchema)} | ${schema.description ?? ""} | ${variables.join(", ")} | ${keys.join(", ")} |`;
  });
  return [
    "| Setting | Type | Meaning | Environment variable | Other config key |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

/** As much of JSON Schema as zod writes for these schemas. */
export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly JsonSchema[];
  readonly items?: JsonSchema;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
  readonly description?: string;
  readonly exclusiveMinimum?: number;
}

function typeOf(schema: JsonSchema): string {
  const code = (value: unknown) => `\`${JSON.stringify(value)}\``;
  if (schema.const !== undefined) return code(schema.const);
  if (schema.enum) return schema.enum.map(code).join(" or ");
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeOf))].join(" or ");
  if (schema.type === "array")
    return schema.items && Object.keys(schema.items).length > 0 ? `list of ${typeOf(schema.items)}` : "list";
  if (schema.type === "object") {
    const values = schema.additionalProperties;
    return schema.properties || typeof values !== "object" || Object.keys(values).length === 0
      ? "object"
      : `object of ${typeOf(values)}`;
  }
  return Array.isArray(schema.type) ? schema.type.join(" or ") : String(schema.type ?? "any");
}

/** The manifest's fields as JSON Schema. */
export function manifestFields(): Readonly<Record<string, JsonSchema>> {
  return (
    (z.toJSONSchema(ProcessingSummarySchema, { unrepresentable: "any", io: "input" }) as JsonSchema).properties ?? {}
  );
}

/** The table of the manifest's own fields (`.`), or of all fields inside one of them, by path. */
export function manifestTable(of: string): string {
  const top = z.toJSONSchema(ProcessingSummarySchema, { unrepresentable: "any", io: "input" }) as JsonSchema;
  const rows: string[] = [];
  const walk = (path: string, schema: JsonSchema, deep: boolean) => {
    const { inner, suffix } = fieldsOf(schema);
    for (const [key, field] of Object.entries(inner.properties ?? {})) {
      const at = path + suffix + (path + suffix === "" ? "" : ".") + key;
      rows.push(
        `| \`${at}\` | ${typeOf(field)} | ${inner.required?.includes(key) ? "yes" : "no"} | ${field.description ?? ""} |`,
      );
      if (deep) walk(at, field, true);
    }
  };
  if (of === ".") walk("", top, false);
  else {
    const field = top.properties?.[of];
    if (!field) throw new Error(`the manifest has no field ${of}`);
    walk(of, field, true);
  }
  return ["| Field | Type | Always there | Meaning |", "|---|---|---|---|", ...rows].join("\n");
}

/** The object whose fields a schema has: itself, its elements or its values. */
function fieldsOf(schema: JsonSchema): { inner: JsonSchema; suffix: string } {
  const own = schema.anyOf?.find((option) => option.properties) ?? schema;
  if (own.items?.properties) return { inner: own.items, suffix: "[]" };
  const values = own.additionalProperties;
  if (typeof values === "object" && values.properties) return { inner: values, suffix: ".*" };
  return { inner: own, suffix: "" };
}
