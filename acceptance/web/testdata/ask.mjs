// Asks a provider of OpenFeature what standard input wants to know: a line is a list of
// questions, and gets a line of answers. What the provider tells by itself is a line too.
import { createInterface } from "node:readline";
import { OpenFeature, ProviderEvents } from "@openfeature/server-sdk";
import { OFREPProvider } from "@openfeature/ofrep-provider";
import { FlagdProvider } from "@openfeature/flagd-provider";

const { kind, options } = JSON.parse(process.argv[2]);
const provider = kind === "flagd" ? new FlagdProvider(options) : new OFREPProvider(options);
const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const methods = {
  boolean: "getBooleanDetails",
  string: "getStringDetails",
  number: "getNumberDetails",
  object: "getObjectDetails",
};

OpenFeature.addHandler(ProviderEvents.ConfigurationChanged, (details) => say({ changed: details.flagsChanged ?? [] }));
await OpenFeature.setProviderAndWait(provider);
const client = OpenFeature.getClient();
say({ ready: true });

for await (const line of createInterface({ input: process.stdin })) {
  const answers = [];
  for (const { flag, type, fallback, context } of JSON.parse(line)) {
    answers.push(await client[methods[type]](flag, fallback, context));
  }
  say({ answers });
}
await OpenFeature.close();
