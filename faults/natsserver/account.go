package natsserver

import (
	"cmp"
	"encoding/json"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// Account is one of several accounts in a server. Subjects and streams of different
// accounts are separate.
type Account struct {
	Name string

	// JetStream lets the account have streams, on a server that has Options.JetStream.
	JetStream bool

	Users   []User
	Exports []Export
	Imports []Import
}

// User is someone who may use an account: with Name and Password, or with the key whose
// public half is NKey.
type User struct {
	Name, Password string
	NKey           string

	// Publish and Subscribe are the user's permissions; zero allows everything.
	Publish, Subscribe Permission
}

// Permission is what a user may publish or subscribe to: the subjects in Allow, or all if
// it is empty, except for those in Deny. Wildcards may be used.
type Permission struct {
	Allow []string `json:"allow,omitempty"`
	Deny  []string `json:"deny,omitempty"`
}

// Export is what an account lets others import: the messages of a Stream of subjects, or
// the right to send requests to a Service. Exactly one of the two is set.
type Export struct {
	Stream  string
	Service string

	// Accounts are the names of the accounts that may import it; empty is all of them.
	Accounts []string
}

// Import is what an account takes from another one that exports it: Stream or Service,
// under the subject As, or under the same subject if As is empty.
type Import struct {
	Account string
	Stream  string
	Service string
	As      string
}

// The forms below are in the server's configuration language, of which JSON is a subset,
// so that the server itself reports what is wrong with an account.
type (
	accountForm struct {
		JetStream string       `json:"jetstream,omitempty"`
		Users     []userForm   `json:"users,omitempty"`
		Exports   []exportForm `json:"exports,omitempty"`
		Imports   []importForm `json:"imports,omitempty"`
	}
	userForm struct {
		User        string         `json:"user,omitempty"`
		Password    string         `json:"password,omitempty"`
		NKey        string         `json:"nkey,omitempty"`
		Permissions permissionForm `json:"permissions"`
	}
	permissionForm struct {
		Publish   *Permission `json:"publish,omitempty"`
		Subscribe *Permission `json:"subscribe,omitempty"`
	}
	exportForm struct {
		Stream   string   `json:"stream,omitempty"`
		Service  string   `json:"service,omitempty"`
		Accounts []string `json:"accounts,omitempty"`
	}
	importForm struct {
		Stream  *originForm `json:"stream,omitempty"`
		Service *originForm `json:"service,omitempty"`
		To      string      `json:"to,omitempty"`
	}
	originForm struct {
		Account string `json:"account"`
		Subject string `json:"subject"`
	}
)

// accountsConfig returns accounts as configuration text.
func accountsConfig(accounts []Account) (string, error) {
	forms := map[string]accountForm{}
	for _, a := range accounts {
		if _, twice := forms[a.Name]; twice || a.Name == "" {
			return "", &AccountError{Name: a.Name}
		}
		forms[a.Name] = a.form()
	}
	var text strings.Builder
	text.WriteString("accounts: ")
	form := json.NewEncoder(&text)
	form.SetEscapeHTML(false) // the server does not understand an escaped > in a wildcard
	err := form.Encode(forms)
	return text.String(), err
}

func (a *Account) form() accountForm {
	var form accountForm
	if a.JetStream {
		form.JetStream = "enabled"
	}
	for _, u := range a.Users {
		form.Users = append(form.Users, userForm{User: u.Name, Password: u.Password, NKey: u.NKey,
			Permissions: permissionForm{Publish: u.Publish.form(), Subscribe: u.Subscribe.form()}})
	}
	for _, e := range a.Exports {
		form.Exports = append(form.Exports, exportForm(e))
	}
	for _, i := range a.Imports {
		form.Imports = append(form.Imports, i.form())
	}
	return form
}

// form returns nil for a permission without limits: the server ignores an empty one.
func (p *Permission) form() *Permission {
	if len(p.Allow)+len(p.Deny) == 0 {
		return nil
	}
	return p
}

func (i *Import) form() importForm {
	form := importForm{To: i.As}
	if i.Stream != "" {
		form.Stream = &originForm{Account: i.Account, Subject: i.Stream}
	}
	if i.Service != "" {
		form.Service = &originForm{Account: i.Account, Subject: i.Service}
	}
	return form
}

const (
	// systemUser is the user of the system account that asks the meta leader of a cluster
	// to step down.
	systemUser = "troupe-system"

	// anybody is the user assigned to clients without credentials, if there are no other
	// users: a server with any user admits nobody without credentials.
	anybody = "troupe-anybody"

	// anybodyWait is how many seconds a client of such a server has for its CONNECT: as good
	// as for ever, as in a server without users. The default of servers with users is 2 s,
	// which a client on a busy machine may need longer than.
	anybodyWait = 3600
)

// addSystemUser adds a user of the system account, and changes nothing for the others. If
// an Operator or a function decides who is a user, none is added.
func addSystemUser(so *server.Options, password string) error {
	if len(so.TrustedOperators) > 0 || so.CustomClientAuthentication != nil {
		return nil
	}
	if err := authorize(so); err != nil {
		return err
	}
	open := so.Username == "" && so.Authorization == "" && len(so.Users)+len(so.Nkeys) == 0
	if so.SystemAccount == "" {
		so.SystemAccount = server.DEFAULT_SYSTEM_ACCOUNT
	}
	system := accountNamed(so, so.SystemAccount)
	so.Users = append(so.Users, &server.User{Username: systemUser, Password: password, Account: system})
	if so.Username != "" {
		so.Users = append(so.Users, &server.User{Username: so.Username, Password: so.Password})
		so.Username, so.Password = "", ""
	}
	if open {
		so.Users = append(so.Users, &server.User{Username: anybody, Password: password})
		so.NoAuthUser = anybody
		so.AuthTimeout = cmp.Or(so.AuthTimeout, anybodyWait)
	}
	return nil
}

// authorize tells the server that authentication is configured. If the system account is
// the only one with users, the server otherwise admits everybody to the other account,
// even if a token is required.
func authorize(so *server.Options) error {
	username, password, token, timeout := so.Username, so.Password, so.Authorization, so.AuthTimeout
	callout, proxy := so.AuthCallout, so.ProxyRequired
	err := so.ProcessConfigString("authorization: {}")
	so.Username, so.Password, so.Authorization, so.AuthTimeout = username, password, token, timeout
	so.AuthCallout, so.ProxyRequired = callout, proxy
	return err
}

// accountNamed returns the account of that name, adding it if it does not exist.
func accountNamed(so *server.Options, name string) *server.Account {
	for _, a := range so.Accounts {
		if a.Name == name {
			return a
		}
	}
	a := server.NewAccount(name)
	so.Accounts = append(so.Accounts, a)
	return a
}
