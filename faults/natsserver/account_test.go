package natsserver_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestAccountsAreApartButForWhatTheyShare(t *testing.T) {
	key, err := nkeys.CreateUser()
	must.Do(t, err)
	public, err := key.PublicKey()
	must.Do(t, err)
	s := natsserver.Run(t, natsserver.Options{User: "root", Password: "r", JetStream: true, Accounts: []natsserver.Account{
		{Name: "SHOP", JetStream: true, Users: []natsserver.User{{Name: "ann", Password: "a"}},
			Exports: []natsserver.Export{{Stream: "sold.>"}, {Service: "price", Accounts: []string{"DESK"}}}},
		{Name: "DESK", Users: []natsserver.User{{NKey: public, Publish: natsserver.Permission{Deny: []string{"secret"}},
			Subscribe: natsserver.Permission{Allow: []string{"shop.>", "_INBOX.>"}}}},
			Imports: []natsserver.Import{{Account: "SHOP", Stream: "sold.>", As: "shop.sold.>"}, {Account: "SHOP", Service: "price", As: "ask"}}},
	}})
	client(t, s, nats.UserInfo("root", "r"))
	ann := client(t, s, nats.UserInfo("ann", "a"))
	wrong := make(chan error, 10)
	desk := client(t, s, nats.Nkey(public, func(nonce []byte) ([]byte, error) { return key.Sign(nonce) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { wrong <- err }))
	sold, err := desk.SubscribeSync("shop.sold.*")
	must.Do(t, err)
	must.Do(t, desk.Flush())
	if _, err := ann.Subscribe("price", func(m *nats.Msg) { _ = m.Respond([]byte("7")) }); err != nil {
		t.Fatal(err)
	}
	must.Do(t, ann.Publish("other", nil))
	must.Do(t, ann.Publish("sold.shoe", nil))
	must.Do(t, ann.Flush())
	m, err := sold.NextMsg(wait)
	must.Do(t, err)
	if m.Subject != "shop.sold.shoe" {
		t.Errorf("received %s", m.Subject)
	}
	answer, err := desk.Request("ask", nil, wait)
	must.Do(t, err)
	if string(answer.Data) != "7" {
		t.Errorf("the price is %q", answer.Data)
	}
	must.Do(t, desk.Publish("secret", nil))
	if err := receive(t, wrong, "violation"); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("a publish that is denied: %v", err)
	}
	_, err = desk.SubscribeSync("elsewhere")
	must.Do(t, err)
	if err := receive(t, wrong, "violation"); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("a subscription that is not allowed: %v", err)
	}
	js, err := jetstream.New(ann)
	must.Do(t, err)
	_, err = js.AccountInfo(t.Context())
	must.Do(t, err)
	if js, err = jetstream.New(client(t, s, nats.UserInfo("root", "r"))); err == nil {
		_, err = js.AccountInfo(t.Context())
	}
	if !errors.Is(err, jetstream.ErrJetStreamNotEnabled) && !errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount) {
		t.Errorf("an account without JetStream: %v", err)
	}
}

func TestAccountsThatAreWrongAreRefused(t *testing.T) {
	cases := map[string][]natsserver.Account{
		`two accounts are called "A"`: {{Name: "A"}, {Name: "A"}},
		"an account has no name":      {{}},
		"NOBODY":                      {{Name: "A", Imports: []natsserver.Import{{Account: "NOBODY", Stream: "x"}}}},
	}
	for want, accounts := range cases {
		if _, err := natsserver.Start(natsserver.Options{Accounts: accounts}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, the start says %v", want, err)
		}
	}
	var account *natsserver.AccountError
	if _, err := natsserver.Start(natsserver.Options{Accounts: []natsserver.Account{{}}}); !errors.As(err, &account) {
		t.Errorf("%T is not the error of an account", err)
	}
}
