package fakeapi

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
)

// signature is the vendor's: lower-case hex of the SHA1 over each name and value in bytewise order of the names, decoded and
// without separators, then the private key. Signature itself is not signed; everything else is, SecurityToken and PublicKey too.
func signature(params map[string]string, privateKey string) string {
	h := sha1.New()
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if name != "Signature" {
			h.Write([]byte(name + params[name]))
		}
	}
	h.Write([]byte(privateKey))
	return hex.EncodeToString(h.Sum(nil))
}

// known lists the parameters that each action documents, besides those that every call has.
var known = map[string][]string{
	"GetRepoImage":   {"ProjectId", "RepoName", "Offset", "Limit"},
	"GetRepo":        {"ProjectId", "Type", "Offset", "Limit"},
	"GetProjectList": {"ProjectId", "IsFinance"},
}

// admit tells who calls, or why they may not.
func (s *settings) admit(w *World, params map[string]string, header http.Header) (Account, *refusal) {
	action := params["Action"]
	switch documented, ok := known[action]; {
	case action == "":
		return Account{}, &refusal{160, "Missing Action"}
	case !ok:
		return Account{}, &refusal{161, fmt.Sprintf("Action [%s] does not exist", action)}
	case params["Signature"] == "":
		return Account{}, &refusal{170, "Missing signature"}
	case params["PublicKey"] == "":
		return Account{}, &refusal{220, "Missing params [PublicKey]"}
	case s.strict:
		for name := range params {
			if !slices.Contains(documented, name) && !slices.Contains(envelope, name) {
				return Account{}, &refusal{230, fmt.Sprintf("Params [%s] not available", name)}
			}
		}
	}
	account, ok := w.account(params["PublicKey"])
	switch {
	case !ok:
		return account, &refusal{172, "User Not Exists"}
	case header.Get("Authorization") != "", // two kinds of credentials at once
		subtle.ConstantTimeCompare([]byte(params["Signature"]), []byte(signature(params, account.PrivateKey))) == 0:
		return account, &refusal{171, "Signature VerifyAC Error"}
	case params["SecurityToken"] != account.SecurityToken:
		return account, &refusal{174, "Token does not exist"}
	}
	for name, value := range s.headers {
		if header.Get(name) != value {
			return account, &refusal{174, "Token does not exist"}
		}
	}
	return account, nil
}

var envelope = []string{"Action", "PublicKey", "Signature", "SecurityToken"}

func (w *World) account(publicKey string) (Account, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, a := range w.accounts {
		if a.PublicKey == publicKey {
			return a, true
		}
	}
	return Account{}, false
}

// firstAccount is the one that a server's users call as.
func (w *World) firstAccount() Account {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.accounts) == 0 {
		return Account{}
	}
	return w.accounts[0]
}

// project tells which project a call speaks of, or why it may not.
func (w *World) project(a Account, id string) (string, *refusal) {
	if id == "" {
		if a.RequireProject {
			return "", &refusal{299, "Permission denied by IAM"}
		}
		return w.defaultProject(), nil
	}
	if !slices.ContainsFunc(w.projects, func(p Project) bool { return p.ID == id }) {
		return "", &refusal{292, fmt.Sprintf("Project [%s] not exists", id)}
	}
	if len(a.Projects) > 0 && !slices.Contains(a.Projects, id) {
		return "", &refusal{299, "Permission denied by IAM"}
	}
	return id, nil
}
