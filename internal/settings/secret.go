package settings

import (
	"io"
	"os"
	"strings"

	"github.com/rampart-dev/rampart"
)

// maxSecret bounds a file that is said to hold a secret: API keys of a few
// kilobytes exist.
const maxSecret = 16 << 10

// Secret reads a secret from a file, less the line break that editors leave.
func Secret(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", rampart.Errorf(rampart.Invalid, "a secret cannot be read").Because(err)
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	secret := strings.TrimSpace(string(b))
	if err != nil || secret == "" || len(b) > maxSecret {
		return "", rampart.Errorf(rampart.Invalid, "%s holds no secret", file).WithHint("it must hold the secret and nothing else").Because(err)
	}
	return secret, nil
}
