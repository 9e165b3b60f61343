package bucket

import (
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// PublishPrefix returns the prefix of the subject of a message that is published to a bucket
// through js; empty without an API prefix and a domain. With one, the subjects of buckets follow
// the prefix of the API, which a server or an import removes again.
//
// For a domain, servers remove it before $KV and $OBJ, but not before $O, which the account must
// map.
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
