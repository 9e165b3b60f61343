package main

import (
	"fmt"
	"net"
	neturl "net/url"
	"time"

	"github.com/nats-io/nats.go"
)

// options sets about everything that can be set, and shows the order of the
// callbacks over a connection's life.
func options(url string) error {
	calls := make(chan string, 100)
	told := func(what string) nats.ConnHandler { return func(*nats.Conn) { calls <- what } }
	nc, err := nats.Connect(url+", "+url, everything(calls)...)
	if err != nil {
		return err
	}
	fmt.Println(await(calls, "the first call"))
	fmt.Println(nc.Opts.Name, nc.Opts.MaxReconnect, nc.Opts.NoEcho, nc.Opts.PingInterval, nc.Opts.SubChanLen)
	fmt.Println(nc.IsConnected(), nc.Status() == nats.CONNECTED, nc.Status(), nc.AuthRequired(), nc.TLSRequired())
	if err := names(nc, url); err != nil {
		return err
	}

	// No message comes back to its sender.
	sub, err := nc.SubscribeSync("echo")
	if err != nil {
		return err
	}
	if err := publish(nc, "echo", "hello"); err != nil {
		return err
	}
	_, err = sub.NextMsg(20 * time.Millisecond)
	fmt.Println("echo:", kind(err))

	if err := survives(nc, sub, url, calls); err != nil {
		return err
	}
	nc.SetClosedHandler(told("closed, as set later"))
	nc.Close()
	fmt.Println(await(calls, "the end of the link"))
	fmt.Println(await(calls, "the end of the connection"))
	return wrong(url)
}

// everything is about everything that can be set.
func everything(calls chan string) []nats.Option {
	told := func(what string) nats.ConnHandler { return func(*nats.Conn) { calls <- what } }
	return []nats.Option{
		nil,
		nats.Name("options"),
		nats.DontRandomize(),
		nats.NoEcho(),
		nats.Timeout(5 * time.Second),
		nats.PingInterval(time.Minute),
		nats.MaxPingsOutstanding(3),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(10 * time.Millisecond),
		nats.ReconnectJitter(time.Millisecond, time.Millisecond),
		nats.ReconnectBufSize(1 << 20),
		nats.WriteBufferSize(1 << 16),
		nats.FlusherTimeout(10 * time.Second),
		nats.DrainTimeout(5 * time.Second),
		nats.SyncQueueLen(1000),
		nats.Dialer(&net.Dialer{Timeout: time.Second, KeepAlive: time.Minute}),
		nats.UserInfoHandler(func() (string, string) { return "ann", "secret" }),
		nats.RetryOnFailedConnect(true),
		nats.IgnoreAuthErrorAbort(),
		nats.ConnectHandler(told("connected")),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { calls <- "disconnected" }),
		nats.ReconnectHandler(told("reconnected")),
		nats.ReconnectErrHandler(func(_ *nats.Conn, err error) { calls <- "attempt failed: " + err.Error() }),
		nats.ClosedHandler(told("closed")),
		nats.DiscoveredServersHandler(told("discovered")),
		nats.LameDuckModeHandler(told("lame duck")),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) { calls <- "error: " + kind(err) }),
	}
}

// survives shows that a subscription survives the loss of its server.
func survives(nc *nats.Conn, sub *nats.Subscription, url string, calls chan string) error {
	if err := nc.ForceReconnect(); err != nil {
		return err
	}
	fmt.Println(await(calls, "the loss of the link"))
	fmt.Println(await(calls, "the next link"))
	other, err := nats.Options{Url: url, User: "ann", Password: "secret", Name: "other"}.Connect()
	if err != nil {
		return err
	}
	defer other.Close()
	if err := nc.Flush(); err != nil {
		return err
	}
	if err := publish(other, "echo", "from another"); err != nil {
		return err
	}
	m, err := sub.NextMsg(patience)
	if err != nil {
		return err
	}
	stats := nc.Stats()
	fmt.Printf("%s %d %d %d %d %d\n", m.Data, stats.InMsgs, stats.InBytes, stats.OutMsgs, stats.OutBytes, stats.Reconnects)
	return nil
}

// names prints what the server says about itself and us, as far as it is the same
// in two runs.
func names(nc *nats.Conn, url string) error {
	rtt, err := nc.RTT()
	if err != nil {
		return err
	}
	id, err := nc.GetClientID()
	if err != nil {
		return err
	}
	ip, err := nc.GetClientIP()
	if err != nil {
		return err
	}
	parsed, err := neturl.Parse(url)
	if err != nil {
		return err
	}
	fmt.Println(rtt > 0, id > 0, ip, nc.ConnectedUrl() == url, nc.ConnectedAddr() == parsed.Host, len(nc.LocalAddr()) > 0)
	fmt.Println(nc.ConnectedServerName(), nc.ConnectedServerId() != "", nc.ConnectedServerVersion(), nc.ConnectedClusterName(),
		len(nc.DiscoveredServers()), nc.MaxPayload(), kind(nc.LastError()))
	return nil
}

// wrong shows options that are refused.
func wrong(url string) error {
	for _, c := range []struct {
		name   string
		option nats.Option
	}{
		{"inbox prefix", nats.CustomInboxPrefix("a.*")},
		{"token twice", func(o *nats.Options) error { o.Token = "t"; return nats.TokenHandler(func() string { return "u" })(o) }},
		{"certificate", nats.ClientCert("no such file", "no such key")},
		{"credentials", nats.UserCredentials("no such file")},
		{"password", nats.UserInfo("ann", "wrong")},
	} {
		nc, err := nats.Connect(url, c.option)
		fmt.Println(c.name, nc == nil, err != nil)
	}
	defaults := nats.GetDefaultOptions()
	fmt.Println(defaults.MaxReconnect, defaults.ReconnectWait, defaults.Timeout, defaults.PingInterval, defaults.MaxPingsOut,
		defaults.SubChanLen, defaults.ReconnectBufSize, defaults.DrainTimeout, defaults.AllowReconnect)
	return nil
}
