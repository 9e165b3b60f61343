package main

import (
	"fmt"
	"net/http"
	"sort"

	"github.com/nats-io/nats.go"
)

// headers sends fields there and back.
func headers(url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	fmt.Println("supported:", nc.HeadersSupported())
	sub, err := nc.SubscribeSync("with.headers")
	if err != nil {
		return err
	}
	m := nats.NewMsg("with.headers")
	m.Header.Set("Trace", "abc")
	m.Header.Add("trace", "lower case is another name")
	m.Header.Add("Many", "1")
	m.Header.Add("Many", "2")
	m.Header.Add("Gone", "x")
	m.Header.Del("Gone")
	m.Header["Empty"] = []string{""}
	m.Data = []byte("payload")
	fmt.Println("size:", m.Size())
	if err := nc.PublishMsg(m); err != nil {
		return err
	}
	got, err := sub.NextMsg(patience)
	if err != nil {
		return err
	}
	show(got.Header)
	fmt.Println(got.Header.Get("Trace"), got.Header.Values("Many"), got.Header.Get("MANY") == "", got.Size())
	fmt.Println("equal:", got.Equal(m), got.Sub == sub)
	fmt.Println("as HTTP's:", http.Header(got.Header).Get("trace"))

	decoded, err := nats.DecodeHeadersMsg([]byte("NATS/1.0 503 No Responders\r\nA: b\r\n\r\n"))
	if err != nil {
		return err
	}
	show(decoded)
	_, err = nats.DecodeHeadersMsg([]byte("NATS/2.0\r\n\r\n"))
	fmt.Println("bad block:", err != nil)

	plain := &nats.Msg{Subject: "with.headers", Data: []byte("none")}
	if err := nc.PublishMsg(plain); err != nil {
		return err
	}
	got, err = sub.NextMsg(patience)
	if err != nil {
		return err
	}
	fmt.Println("none:", len(got.Header), got.Header.Get("A") == "")
	return nil
}

// show prints a header in a fixed order.
func show(h nats.Header) {
	var names []string
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		fmt.Printf("%s: %q\n", name, h[name])
	}
}
