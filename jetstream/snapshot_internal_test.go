package jetstream

import (
	"errors"
	"io"
	"testing"

	"github.com/troupe-go/troupe/api"
)

// TestChunksAreCounted: a chunk that is missing, repeated or truncated ends a snapshot.
func TestChunksAreCounted(t *testing.T) {
	for reply, whole := range map[string]bool{
		"$JS.SNAPSHOT.ACK.S.x.4.3": true,
		"$JS.SNAPSHOT.ACK.S.x.4.2": false, // again
		"$JS.SNAPSHOT.ACK.S.x.4.4": false, // one is missing
		"$JS.SNAPSHOT.ACK.S.x.5.3": false, // a byte is missing
		"nonsense":                 false,
	} {
		x := &transfer{r: request{op: "snapshot stream"}, done: SnapshotProgress{Chunks: 2}}
		err := x.take(&api.Msg{Reply: reply, Data: []byte("abcd")}, failing{})
		if errors.Is(err, errFull) != whole || !errors.Is(err, ErrInterrupted) {
			t.Errorf("%s: %v", reply, err)
		}
	}
}

var errFull = errors.New("full")

// failing is a writer that records that it was written to.
type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errFull }

var _ io.Writer = failing{}
