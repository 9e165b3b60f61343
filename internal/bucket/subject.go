package bucket

import (
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// PublishPrefix returns what stands before the subject of a message that is published to a
// bucket through js: behind an API prefix or in a domain the subjects of buckets follow that
// of the API, and a server or an import takes it away again. Empty without either.
//
// Servers do so for $KV and $OBJ in a domain, and not for $O: there the account has to map
// it.
func PublishPrefix(js jetstream.JetStream) string {
	opts := js.Options()
	switch {
	case opts.APIPrefix != "":
		prefix := strings.TrimSuffix(opts.APIPrefix, ".") + "."
		if prefix == jetstream.DefaultAPIPrefix {
			return ""
		}
		return prefix
	case opts.Domain != "":
		return "$JS." + opts.Domain + ".API."
	default:
		return ""
	}
}
