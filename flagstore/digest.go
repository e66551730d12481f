package flagstore

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"strings"

	"github.com/rampart-dev/rampart"
)

// digestForm begins every digest. Another form of digests, or of documents, gets
// another number, so that nobody compares what cannot be compared.
const digestForm = "1:"

// Digest returns a short form of a flag's document by which a writer knows it again:
// of all that it says, in the form in which the store keeps it. It finds what a hand
// has changed, and is no protection from somebody who forges it.
//
// Workflows compute it too: the JSON of a struct without maps is always the same.
//
//workflowcheck:ignore
func Digest(f rampart.Flag) string {
	f.Format = max(f.Format, f.NeedsFormat())
	f.Reason, f.ChangedBy = clip(f.Reason), clip(f.ChangedBy)
	f.HighWater = max(f.HighWater, f.Exposure)
	return digest(f)
}

// DigestSegment is [Digest] for a segment's document.
//
//workflowcheck:ignore
func DigestSegment(g rampart.Segment) string {
	g.ChangedBy = clip(g.ChangedBy)
	return digest(g)
}

func digest(of any) string {
	document, err := json.Marshal(of)
	if err != nil { // a value that is no JSON, which the store would not have taken
		return digestForm
	}
	sum := fnv.New128a()
	_, _ = sum.Write(document)
	return digestForm + hex.EncodeToString(sum.Sum(nil))
}

// SameDigest reports whether two digests are of the same document. One that is missing,
// or of another form, says nothing, and so differs from none.
func SameDigest(a, b string) bool {
	return a == b || !strings.HasPrefix(a, digestForm) || !strings.HasPrefix(b, digestForm)
}
