import type { Verb } from "./io.js";
export const doctor: Verb = async () => 0;
