package jetstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestReadAck(t *testing.T) {
	for text, want := range map[string]PubAck{
		`{"stream":"S", "seq":22}`:                                         {Stream: "S", Sequence: 22},
		`{"stream":"S", "domain":"D", "seq":1,"duplicate": true}`:          {Stream: "S", Domain: "D", Sequence: 1, Duplicate: true},
		` { "duplicate" : false , "seq" : 0 , "stream" : "S" } ` + "\r\n":  {Stream: "S"},
		`{"stream":"S","seq":5,"val":"-12345678901234567890123"}`:          {Stream: "S", Sequence: 5, Value: "-12345678901234567890123"},
		`{"stream":"S","seq":9,"batch":"b","count":3}`:                     {Stream: "S", Sequence: 9, BatchID: "b", Count: 3},
		`{"stream":"S","seq":18446744073709551615}`:                        {Stream: "S", Sequence: 1<<64 - 1},
		`{"stream":"\u0053","seq":1}`:                                      {Stream: "S", Sequence: 1},
		`{"stream":"ä","seq":1}`:                                           {Stream: "ä", Sequence: 1},
		`{"stream":"S","seq":1,"later":{"a":[1]}}`:                         {Stream: "S", Sequence: 1},
		`{"type":"io.nats.jetstream.api.v1.pub_ack","stream":"S","seq":1}`: {Stream: "S", Sequence: 1},
		`{"error":null,"stream":"S","seq":1}`:                              {Stream: "S", Sequence: 1},
		`{"stream":"T","seq":1,"stream":"S"}`:                              {Stream: "S", Sequence: 1},
	} {
		var r ackReader
		got, err := r.read([]byte(text))
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", text, err, diff)
		}
	}
}

func TestReadNoAck(t *testing.T) {
	var r ackReader
	for _, text := range []string{
		"", "{}", "ok", "null", "[]", "1", `{"stream":"S"`, `{"stream":"S","seq":22}}`, `{"stream":"","seq":1}`, `{"seq":1}`, `{"stream":1}`,
		`{"stream":"S","seq":-1}`, `{"stream":"S","seq":01}`, `{"stream":"S","seq":1,}`, `{"stream":"S","seq":184467440737095516160}`,
		`{"stream":"S","duplicate":tru}`, `{"stream":"S" "seq":1}`, strings.Repeat("x", 1<<20),
	} {
		ack, err := r.read([]byte(text))
		if !errors.Is(err, ErrInvalidJSAck) || ack != (PubAck{}) || len(err.Error()) > 1000 {
			t.Errorf("%.40q: %+v, %v", text, ack, err)
		}
	}
	_, err := r.read([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 7"},"stream":"S","seq":0}`))
	var wrong *WrongLastSequenceError
	if !errors.As(err, &wrong) || wrong.Actual != 7 || !errors.Is(err, ErrWrongLastSequence) || wrong.Err.Stream != "S" || wrong.Err.Op != "publish" {
		t.Errorf("a refusal is %#v", err)
	}
}

// TestReadAckAllocatesNothing: neither names nor numbers of the common forms.
func TestReadAckAllocatesNothing(t *testing.T) {
	var r ackReader
	for _, text := range []string{`{"stream":"ORDERS", "seq":123456}`, `{"stream":"ORDERS", "domain":"hub", "seq":1,"duplicate": true}`} {
		data := []byte(text)
		if n := testing.AllocsPerRun(100, func() { _, _ = r.read(data) }); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

// FuzzReadAck: the scanner agrees with encoding/json, and any input yields either an
// acknowledgement with a stream, or an error.
func FuzzReadAck(f *testing.F) {
	for _, seed := range []string{
		`{"stream":"S", "seq":22}`, `{"stream":"S","domain":"D","seq":1,"duplicate":true,"val":"1","batch":"b","count":2}`,
		`{"error":{"code":503,"err_code":10077,"description":"x"},"stream":"S"}`, "{\"stream\":\"\xff\",\"seq\":1}", `{"STREAM":"S","seq":1}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		var r ackReader
		ack, err := r.read(data)
		if !bytes.Equal(before, data) {
			t.Fatal("the answer was written to")
		}
		if (ack.Stream != "") == (err != nil) {
			t.Fatalf("%+v and %v", ack, err)
		}
		plain, ok := r.plain(data)
		if !ok {
			return
		}
		var want PubAck
		if err := json.Unmarshal(data, &want); err != nil || want != plain {
			t.Fatalf("scanned %+v, want %+v (%v)", plain, want, err)
		}
	})
}

// TestReadPubAck: a program that publishes on its own reads answers as the publisher does.
func TestReadPubAck(t *testing.T) {
	ack, err := ReadPubAck([]byte(`{"stream":"S", "seq":22,"duplicate": true}`))
	if err != nil || ack != (PubAck{Stream: "S", Sequence: 22, Duplicate: true}) {
		t.Errorf("%+v, %v", ack, err)
	}
	_, err = ReadPubAck([]byte(`{"error":{"code":400,"err_code":10071,"description":"wrong last sequence: 7"},"stream":"S","seq":0}`))
	if !errors.Is(err, ErrWrongLastSequence) {
		t.Error(err)
	}
	if _, err = ReadPubAck([]byte("hello")); !errors.Is(err, ErrInvalidJSAck) {
		t.Error(err)
	}
}
