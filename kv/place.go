package kv

import (
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// place.go - the subjects under which the keys of a bucket are read and written. It is pure.
//
//	bucket              read                write
//	of its own          $KV.<bucket>.       <API prefix>$KV.<bucket>.
//	mirror              $KV.<origin>.       <API prefix>$KV.<origin>.
//	mirror of a domain  $KV.<origin>.       <its API prefix>.$KV.<origin>.
//
// A mirror keeps the subjects of its origin unless it transforms them.

// place is the prefixes of the subjects of a bucket's keys. Each ends with a dot.
type place struct {
	read  string // in the bucket's stream
	write string // in a publish
}

// placeOf returns the place of a bucket from the config of its stream. prefix precedes the
// subjects of publishes: see bucket.PublishPrefix.
func placeOf(cfg *jetstream.StreamConfig, prefix string) place {
	if m := cfg.Mirror; m != nil {
		return mirrorPlace(m, prefix)
	}
	own := keysOf(strings.TrimPrefix(cfg.Name, string(stores)))
	return place{read: own, write: prefix + own}
}

func mirrorPlace(m *jetstream.StreamSource, prefix string) place {
	origin := keysOf(strings.TrimPrefix(m.Name, string(stores)))
	p := place{read: origin, write: prefix + origin}
	if m.External != nil && m.External.APIPrefix != "" {
		p.write = strings.TrimSuffix(m.External.APIPrefix, ".") + "." + origin
	}
	for _, t := range m.SubjectTransforms {
		if to, all := strings.CutSuffix(t.Destination, AllKeys); all && t.Source == origin+AllKeys && strings.HasSuffix(to, ".") {
			p.read = to
		}
	}
	return p
}

func keysOf(bucket string) string { return "$KV." + bucket + "." }
