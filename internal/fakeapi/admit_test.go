package fakeapi

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vendor's published answer vectors and those that its own Go SDK gives for our actions.
func TestSignatureVectors(t *testing.T) {
	t.Parallel()
	const key = "46f09bb9fab4f12dfc160dae12273d5332b5debe"
	const a, b = "ucloudsomeone@example.com1296235120854146120", "someone@example.com1296235120854146120"
	host := "Action=CreateUHostInstance CPU=2 ChargeType=Month DiskSpace=10 ImageId=f43736e1-65a5-4bea-ad2e-8a46e18883c2 " +
		"LoginMode=Password Memory=2048 Name=Host01 Password=VUNsb3VkLmNu Quantity=1 Region=cn-bj2 Zone=cn-bj2-04"
	batch := "Action=AllocateBackendBatch"
	for i := range 12 {
		batch += " Backends." + strconv.Itoa(i) + "=" + []string{"foo", "bar", "42"}[i%3]
	}
	images := "Action=GetRepoImage RepoName=ucloud Offset=0 Limit=100"
	for _, c := range []struct{ params, public, private, want string }{
		{"Action=DescribeUHostInstance Limit=10 Region=cn-bj2", a, key, "cba5cf5ec4d4233d206b1b54951e3787350a642f"},
		{"Action=DescribeUHostInstance Limit=10 Region=cn-bj2", b, key, "4201919d267504385deb93af19e0197870fed36b"},
		{"Action=DescribeUHostInstance Limit=10 Region=vn-sng", "john.doe@example.com1296235120854146120", key, "52fc1191f026532c9100946c6a863a90d5f766ed"},
		{host, a, key, "4f9ef5df2abab2c6fccd1e9515cb7e2df8c6bb65"},
		{host + " SecurityToken=some_stoken", a, key, "170c480ad176a247b324eb92a2cfe536aacfbd04"},
		{batch, a, key, "6bc32642779f8cb0bb3d3f128b1c0688abf9a1a3"},
		{"Action=DescribeUHostInstance Region=cn-bj2 Proportion=" + plain("35.0"), a, key, "da620b97de476947302291fc93a2d8b0710be328"},
		{"Action=DescribeUHostInstance Region=cn-bj2 Proportion=" + plain("65.722"), a, key, "5e39dd48144d6a075328e56a6c5e9df6c39ae939"},
		{"foo=bar", "", "my_private_key", "634edc1bb957c0d65e5ab5494cf3b7784fbc87af"},
		{"foo=bar", "my_public_key", "my_private_key", "d4411ab30953fb0bbcb1e7313081f05e4e91a394"},
		{images, a, key, "8701d29f389cea2ecde6b8e43de90b107304fc22"},
		{images + " ProjectId=org-1", a, key, "e458414d18df6102a8a595fab0176d2685d86605"},
		{images + " ProjectId=org-1 SecurityToken=some_stoken", a, key, "b950ab2294680fd750320b165ff4b822eebb809f"},
		{"Action=GetRepo Type=private Offset=0 Limit=100 ProjectId=org-1", a, key, "2714f0ab0589690802ad9bfd5ebfb50cfd303140"},
		{strings.Replace(images, "ucloud", "镜像 a+b/c=d&e", 1), a, key, "79036a4709b75db96d52bec0e26bc73a94999a8f"},
	} {
		p := params{"Signature": "is not signed"}
		last := ""
		for part := range strings.SplitSeq(c.params, " ") {
			k, v, ok := strings.Cut(part, "=")
			if !ok || strings.HasPrefix(part, "a+b") { // a value with a space in it
				p[last] += " " + part
				continue
			}
			p[k], last = v, k
		}
		if c.public != "" {
			p["PublicKey"] = c.public
		}
		if got := signature(p, c.private); got != c.want {
			t.Errorf("signature of %q: got %s, want %s", c.params, got, c.want)
		}
	}
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.PutImages("镜像 a+b/c=d&e", Image{Name: "nginx", Pulls: 3})
	srv := serve(t, w)
	p := signed(srv, params{"Action": "GetRepoImage", "RepoName": "镜像 a+b/c=d&e", "Offset": "0", "Limit": "100"})

	numbers := map[string]any{}
	for k, v := range p {
		numbers[k] = v
	}
	numbers["Offset"], numbers["Limit"], numbers["Nothing"] = 0, json.RawMessage("100.0"), nil
	body, _ := json.Marshal(numbers)
	asJSON := newRequest(t, http.MethodPost, srv.URL, string(body), "application/json")
	asForm := newRequest(t, http.MethodPost, srv.URL+"/any/path?Action=GetRepoImage", encoded(p), "application/x-www-form-urlencoded")
	asQuery := newRequest(t, http.MethodGet, srv.URL+"/?"+encoded(p), "", "")
	for name, req := range map[string]*http.Request{"json": asJSON, "form": asForm, "query": asQuery} {
		_, got, err := do(t, req)
		if err != nil {
			t.Fatal(err)
		}
		if r := decode(t, got); len(r.ImageSet) != 1 || r.ImageSet[0].PullCount != 3 {
			t.Errorf("%s: got %s", name, got)
		}
	}

	asJSONs := 0
	for _, q := range srv.Log() {
		if q.JSON {
			asJSONs++
		}
	}
	if asJSONs != 1 {
		t.Errorf("the log tells of %d calls in JSON, want 1", asJSONs)
	}

	// A + that is not escaped in a query is a space, and so another key.
	loose := strings.ReplaceAll(encoded(p), url.QueryEscape("+"), "+")
	_, got, err := do(t, newRequest(t, http.MethodGet, srv.URL+"/?"+loose, "", ""))
	if err != nil || decode(t, got).RetCode != 172 {
		t.Errorf("unescaped +: got %s %v, want 172", got, err)
	}
	_, got, _ = do(t, newRequest(t, http.MethodGet, srv.URL+"/?"+encoded(p)+"&Limit=100", "", ""))
	if decode(t, got).RetCode != 230 {
		t.Errorf("a name sent twice: got %s, want 230", got)
	}
}

func newRequest(t *testing.T, method, url, body, kind string) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	return req
}

func TestArraysAreSignedFlat(t *testing.T) {
	t.Parallel()
	got, ref := object([]byte(`{"B":["x",{"Sub":true}],"F":42.0,"S":6.5e1,"N":null}`))
	if want := (params{"B.0": "x", "B.1.Sub": "true", "F": "42", "S": "65"}); ref != nil || !cmp.Equal(got, want) {
		t.Error(cmp.Diff(want, got), ref)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	w := NewWorld()
	w.SetAccounts(
		Account{PublicKey: "main", PrivateKey: "k"},
		Account{PublicKey: "sub", PrivateKey: "k", RequireProject: true, Projects: []string{"org-1"}},
		Account{PublicKey: "sts", PrivateKey: "k", SecurityToken: "tok"},
	)
	w.AddProject(Project{ID: "org-2"})
	w.AddRepo(Repo{Name: "mine", ProjectID: "org-1"})
	w.AddRepo(Repo{Name: "theirs", ProjectID: "org-2"})
	w.AddRepo(Repo{Name: "open", ProjectID: "org-2", Shared: true})
	srv := serve(t, w)
	images := params{"Action": "GetRepoImage", "PublicKey": "main", "RepoName": "mine"}
	with := func(changes ...string) params {
		p := maps.Clone(images)
		for i := 0; i < len(changes); i += 2 {
			p[changes[i]] = changes[i+1]
			if changes[i+1] == "-" {
				delete(p, changes[i])
			}
		}
		if _, ok := p["Signature"]; !ok {
			p["Signature"] = signature(p, "k")
		} else if p["Signature"] == "" {
			delete(p, "Signature")
		}
		return p
	}
	for name, c := range map[string]struct {
		p    params
		want int
	}{
		"fine":                       {with(), 0},
		"no action":                  {with("Action", "-"), 160},
		"unknown action":             {with("Action", "GetEverything"), 161},
		"no signature":               {with("Signature", ""), 170},
		"wrong signature":            {with("Signature", "00"), 171},
		"no public key":              {with("PublicKey", "-"), 220},
		"unknown user":               {with("PublicKey", "nobody"), 172},
		"token missing":              {with("PublicKey", "sts"), 174},
		"token wrong":                {with("PublicKey", "sts", "SecurityToken", "old"), 174},
		"token right":                {with("PublicKey", "sts", "SecurityToken", "tok"), 0},
		"token not asked for":        {with("SecurityToken", "tok"), 174},
		"project unknown":            {with("ProjectId", "org-x/Name"), 292},
		"project missing":            {with("PublicKey", "sub"), 299},
		"project not permitted":      {with("PublicKey", "sub", "ProjectId", "org-2"), 299},
		"project permitted":          {with("PublicKey", "sub", "ProjectId", "org-1"), 0},
		"repo missing":               {with("RepoName", "-"), 220},
		"repo unknown":               {with("RepoName", "nope"), 230},
		"repo of another project":    {with("RepoName", "theirs"), 230},
		"repo open to all":           {with("RepoName", "open"), 0},
		"limit no number":            {with("Limit", "many"), 230},
		"limit zero":                 {with("Limit", "0"), 230},
		"offset negative":            {with("Offset", "-1"), 230},
		"type unknown":               {with("Action", "GetRepo", "Type", "Private"), 230},
		"region is ignored":          {with("Region", "cn-bj2"), 0},
		"projects without a project": {with("Action", "GetProjectList", "PublicKey", "sub"), 0},
	} {
		resp, body, err := post(t, srv, c.p)
		if err != nil {
			t.Fatal(err)
		}
		r := decode(t, body)
		if r.RetCode != c.want || resp.StatusCode != 200 || resp.Header.Get("X-UCLOUD-REQUEST-UUID") == "" {
			t.Errorf("%s: got %d %s, want RetCode %d", name, resp.StatusCode, body, c.want)
		}
		if refused := c.want != 0; refused != (r.Message != "") || refused != (r.Action == nil) {
			t.Errorf("%s: Message belongs to refusals, Action to the others: %s", name, body)
		}
	}

	srv.Set(StrictParams(true), RequireHeader("channel-key", "brand"))
	if _, body, _ := post(t, srv, with("Region", "cn-bj2")); decode(t, body).RetCode != 230 {
		t.Errorf("strict: got %s", body)
	}
	if _, body, _ := post(t, srv, with()); decode(t, body).RetCode != 174 {
		t.Errorf("no channel-key: got %s", body)
	}
	req := newRequest(t, http.MethodPost, srv.URL, encoded(with()), "application/x-www-form-urlencoded")
	req.Header.Set("channel-key", "brand")
	if _, body, _ := do(t, req); decode(t, body).RetCode != 0 {
		t.Errorf("with channel-key: got %s", body)
	}
	req = newRequest(t, http.MethodPost, srv.URL, encoded(with()), "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer x")
	if _, body, _ := do(t, req); decode(t, body).RetCode != 171 {
		t.Errorf("two credentials: got %s", body)
	}
	w.SetUnknownRepo(0, "")
	srv.Set(RequireHeader("channel-key", ""))
	if _, body, _ := post(t, srv, with("RepoName", "nope")); decode(t, body).RetCode != 0 {
		t.Errorf("unknown repo as an empty set: got %s", body)
	}
}
