import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { z } from "zod";
import { ProcessingSummarySchema } from "../../dist/schema/manifest.js";

interface JsonSchema {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly anyOf?: readonly JsonSchema[];
}

/** Paths of fields without a description of their own. */
function undescribed(schema: JsonSchema, path: string): string[] {
  const below = Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    ...(field.description || field.anyOf?.some(({ description }) => description) ? [] : [`${path}.${name}`]),
    ...undescribed(field, `${path}.${name}`),
  ]);
  const inside = [schema.items, schema.additionalProperties, ...(schema.anyOf ?? [])];
  return [
    ...below,
    ...inside.flatMap((part) => (part && typeof part === "object" ? undescribed(part, `${path}[]`) : [])),
  ];
}

describe("the manifest's schema", () => {
  it("describes every field, since its documentation is made from it", () => {
    const schema = z.toJSONSchema(ProcessingSummarySchema) as JsonSchema;
    assert.ok(Object.keys(schema.properties ?? {}).length > 15);
    assert.deepEqual(undescribed(schema, ""), []);
    const gap = z.toJSONSchema(z.object({ a: z.array(z.object({ b: z.string() })).describe("x") })) as JsonSchema;
    assert.deepEqual(undescribed(gap, ""), [".a[].b"]);
  });
});
