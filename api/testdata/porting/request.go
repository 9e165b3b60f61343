package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// sum is what the service of request computes.
type sum struct{ A, B, Sum int }

// request asks a service, and nobody.
func request(url string) error {
	server, err := nats.Connect(url, nats.Name("service"))
	if err != nil {
		return err
	}
	defer server.Close()
	if _, err := server.QueueSubscribe("add", "adders", add); err != nil {
		return err
	}
	silent := make(chan *nats.Msg, 10)
	if _, err := server.Subscribe("silence", func(m *nats.Msg) { silent <- m }); err != nil {
		return err
	}
	if err := server.Flush(); err != nil {
		return err
	}

	for _, style := range [][]nats.Option{nil, {nats.UseOldRequestStyle()}, {nats.CustomInboxPrefix("_BOX.request")}} {
		nc, err := nats.Connect(url, style...)
		if err != nil {
			return err
		}
		if err := ask(nc); err != nil {
			return err
		}
		nc.Close()
		_, err = nc.Request("add", nil, time.Second)
		fmt.Println("closed:", kind(err))
	}
	m := await(silent, "a question")
	fmt.Println("answer to one that is gone:", kind(m.Respond([]byte("too late"))))
	m.Reply = ""
	fmt.Println("no reply subject:", kind(m.Respond(nil)))
	fmt.Println("not bound:", kind((&nats.Msg{Reply: "a"}).Respond(nil)))
	return nil
}

// add is the service.
func add(m *nats.Msg) {
	var s sum
	if err := json.Unmarshal(m.Data, &s); err != nil {
		answer := nats.NewMsg(m.Reply)
		answer.Header.Set("Error", "no numbers")
		_ = m.RespondMsg(answer)
		return
	}
	s.Sum = s.A + s.B
	data, _ := json.Marshal(s)
	_ = m.Respond(data)
}

// ask makes all kinds of requests.
func ask(nc *nats.Conn) error {
	for i := range 3 {
		data, _ := json.Marshal(sum{A: i, B: 10 * i})
		answer, err := nc.Request("add", data, patience)
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", answer.Data)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	answer, err := nc.RequestWithContext(ctx, "add", []byte(`{"A":1,"B":2}`))
	if err != nil {
		return err
	}
	fmt.Printf("with a context: %s\n", answer.Data)
	answer, err = nc.RequestMsg(&nats.Msg{Subject: "add", Data: []byte("what?")}, patience)
	if err != nil {
		return err
	}
	fmt.Printf("with a message: %q %q\n", answer.Header.Get("Error"), answer.Data)
	answer, err = nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: "add", Header: nats.Header{"A": {"b"}}, Data: []byte("{}")})
	if err != nil {
		return err
	}
	fmt.Printf("with both: %s\n", answer.Data)

	_, err = nc.Request("nobody", nil, patience)
	fmt.Println("nobody:", kind(err))
	_, err = nc.Request("silence", nil, 20*time.Millisecond)
	fmt.Println("no answer:", kind(err))
	short, cancelShort := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancelShort()
	_, err = nc.RequestWithContext(short, "silence", nil)
	fmt.Println("no answer until the deadline:", err != nil, short.Err() != nil)
	canceled, cancelNow := context.WithCancel(ctx)
	cancelNow()
	_, err = nc.RequestWithContext(canceled, "silence", nil)
	fmt.Println("canceled:", kind(err))
	_, err = nc.RequestMsg(nil, time.Second)
	fmt.Println("no message:", kind(err))
	return nil
}
