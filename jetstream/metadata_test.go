package jetstream

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMetadataOfBothForms(t *testing.T) {
	stored := time.Unix(0, 1764367200123456789)
	want := MsgMetadata{Sequence: SequencePair{Stream: 7, Consumer: 9}, NumDelivered: 3, NumPending: 11,
		Timestamp: stored, Stream: "ORDERS", Consumer: "billing"}
	inDomain := want
	inDomain.Domain = "hub"
	for _, c := range []struct {
		subject string
		want    MsgMetadata
	}{
		{"$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789.11", want},
		{"$JS.ACK._.ACCHASH.ORDERS.billing.3.7.9.1764367200123456789.11", want},
		{"$JS.ACK.hub.ACCHASH.ORDERS.billing.3.7.9.1764367200123456789.11", inDomain},
		{"$JS.ACK.hub.ACCHASH.ORDERS.billing.3.7.9.1764367200123456789.11.random", inDomain},
		{"$JS.ACK.hub.ACCHASH.ORDERS.billing.3.7.9.1764367200123456789.11.random.more", inDomain},
	} {
		got := MsgMetadata{Domain: "of another message"}
		if !parseAckSubject(c.subject, &got) {
			t.Errorf("%s: refused", c.subject)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: %s", c.subject, diff)
		}
	}
}

func TestMetadataOfNoConsumersMessage(t *testing.T) {
	for _, subject := range []string{
		"",
		"_INBOX.abc",
		"$JS.ACK.",
		"$JS.API.ORDERS.billing.3.7.9.1764367200123456789.11",
		"$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789",            // 8 tokens
		"$JS.ACK.x.ORDERS.billing.3.7.9.1764367200123456789.11",       // 10
		"$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789.x",          // no number
		"$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789.",           // an empty one
		"$JS.ACK.ORDERS.billing.-3.7.9.1764367200123456789.11",        // a sign
		"$JS.ACK.ORDERS.billing.3.7.9.17643672001234567890123.11",     // too long
		"$JS.ACK.ORDERS.billing.3.7.9.9999999999999999999.11",         // too large
		"$JS.ACK..billing.3.7.9.1764367200123456789.11",               // no stream
		"$JS.ACK.a.b.ORDERS.billing.3.7.9.1764367200123456789.eleven", // second form
	} {
		var meta MsgMetadata
		if parseAckSubject(subject, &meta) {
			t.Errorf("%q was read as %+v", subject, meta)
		}
	}
}

func TestMetadataCostsNothingToParse(t *testing.T) {
	subject := "$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789.11"
	var meta MsgMetadata
	if n := testing.AllocsPerRun(100, func() { parseAckSubject(subject, &meta) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAckSubject: no subject makes the parser panic, and what it accepts has as many
// tokens as one of the forms.
func FuzzAckSubject(f *testing.F) {
	f.Add("$JS.ACK.ORDERS.billing.3.7.9.1764367200123456789.11")
	f.Add("$JS.ACK.hub.ACCHASH.ORDERS.billing.3.7.9.1764367200123456789.11.random")
	f.Add("$JS.ACK.......")
	f.Fuzz(func(t *testing.T, subject string) {
		var meta MsgMetadata
		if !parseAckSubject(subject, &meta) {
			return
		}
		tokens := strings.Split(subject, ".")
		if len(tokens) != 9 && len(tokens) < 11 || meta.Stream == "" || meta.Consumer == "" {
			t.Errorf("%q: %+v", subject, meta)
		}
	})
}
