package fetch

import (
	"crypto/sha1" //nolint:gosec // the vendor's signature is SHA-1
	"encoding/hex"
	"maps"
	"slices"
)

// sign is the vendor's signature of the parameters: the hex SHA-1 of every key and value, sorted by key, with nothing
// between them, and the private key at the end. Values are the decoded texts exactly as they are sent.
func sign(params map[string]string, privateKey string) string {
	h := sha1.New() //nolint:gosec // see above
	for _, key := range slices.Sorted(maps.Keys(params)) {
		h.Write([]byte(key)) // never fails
		h.Write([]byte(params[key]))
	}
	h.Write([]byte(privateKey))
	return hex.EncodeToString(h.Sum(nil))
}
