// Package notices sends notices to the channels that a worker's configuration
// names. A plan names channels and nothing else, so that it needs no addresses and
// no secrets.
//
// A channel is NAME=URL:
//
//	releases=slack://hook:TOKEN@webhook            Slack; likewise Teams, Discord, e-mail and others
//	hook=webhook+https://example.com/rampart?secret-env=HOOK_SECRET
//	dev=log:                                       the worker's own log, for development
//
// # Webhooks
//
// A webhook gets a POST of JSON, signed as https://www.standardwebhooks.com has it,
// so that any library for it can verify:
//
//	webhook-id: the notice's ID, the same for every attempt: drop what was seen before
//	webhook-timestamp: seconds since 1970, of the attempt
//	webhook-signature: v1,base64(HMAC-SHA256(secret, id "." timestamp "." body))
//
// Redirects are not followed. An answer of 4xx is final, less 408 and 429; every
// other failure is tried again.
//
// # Secrets
//
// URLs are secrets. No error and no log line shows one, or a part of one.
package notices
