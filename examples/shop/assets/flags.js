// Keeps what a page shows of the flag true while the page is open: when a launch is
// turned back, or somebody kills the flag, the new checkout vanishes here and now.
import { OFREPWebProvider, OpenFeature, ProviderEvents } from "./openfeature.js";

const { console: baseUrl, token, user, flag } = document.getElementById("flags").dataset;
const client = OpenFeature.getClient();
const headers = token ? [["Authorization", `Bearer ${token}`]] : []; // a list: this version fails on an object

// The server has decided for this page already, which stays until it is known better.
let on = document.documentElement.classList.contains("new-checkout");

function show() {
  const decision = client.getBooleanDetails(flag, on);
  document.documentElement.classList.toggle("new-checkout", decision.value);
  const badge = document.querySelector(".badge");
  badge.textContent = decision.value ? "on" : "off";
  badge.classList.toggle("on", decision.value);
  document.querySelector(".why").textContent = decision.flagMetadata.reason ?? decision.errorCode;
  on = decision.value;
}

function change() {
  const before = on;
  show();
  if (before && !on && document.querySelector("[data-new-checkout]")) {
    location.replace("/checkout"); // this whole page is the feature
  }
}

function live(is) {
  document.querySelector(".live").classList.toggle("is", is);
}

client.addHandler(ProviderEvents.Ready, show);
client.addHandler(ProviderEvents.ConfigurationChanged, change);
client.addHandler(ProviderEvents.Ready, () => live(true));
client.addHandler(ProviderEvents.ConfigurationChanged, () => live(true));
client.addHandler(ProviderEvents.Stale, () => live(false));
client.addHandler(ProviderEvents.Error, () => live(false));

// Nothing is kept in the browser: after a kill even the first look of the next visit
// must be right. The event stream tells what changes, so nothing is polled.
await OpenFeature.setContext({ targetingKey: user });
await OpenFeature.setProvider(new OFREPWebProvider({ baseUrl, headers, cacheMode: "disabled" }));
