package objectstore

import (
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestPutThatHasEndedSendsNothing: its actor may still be at work then, and has chunks. Their
// memory belongs to the caller again, and none may come behind the removal of the others.
func TestPutThatHasEndedSendsNothing(t *testing.T) {
	nc := must.Get(api.Connect(natsserver.Run(t, natsserver.Options{JetStream: true}).URL(), api.Timeout(time.Minute)))(t)
	t.Cleanup(nc.Close)
	s := must.Get(Create(t.Context(), must.Get(jetstream.New(nc))(t), Config{Bucket: "b"}))(t).(*store)
	p := must.Get(s.startPut(s.read, "id", newWindow(1, 1), &putOptions{}))(t)
	k := &chunk{chunkID: chunkID{number: 1}, data: []byte("x")}
	must.Get(p.put(k))(t)
	p.close()
	if _, err := p.put(k); !errors.Is(err, api.ErrOutletDown) {
		t.Errorf("error %v", err)
	}
}
