package fetch

import (
	"fmt"
	"maps"
	"testing"
)

// TestSign checks known answers: those of the vendor's page and SDKs, and the calls that are made here.
func TestSign(t *testing.T) {
	t.Parallel()
	const (
		private = "46f09bb9fab4f12dfc160dae12273d5332b5debe"
		a       = "ucloudsomeone@example.com1296235120854146120"
		b       = "someone@example.com1296235120854146120"
	)
	type params = map[string]string
	with := func(base params, more ...string) params {
		all := params{}
		maps.Copy(all, base)
		for i := 0; i < len(more); i += 2 {
			all[more[i]] = more[i+1]
		}
		return all
	}
	hosts := params{"Action": "DescribeUHostInstance", "Limit": "10", "Region": "cn-bj2"}
	create := params{
		"Action": "CreateUHostInstance", "CPU": "2", "ChargeType": "Month", "DiskSpace": "10", "ImageId": "f43736e1-65a5-4bea-ad2e-8a46e18883c2",
		"LoginMode": "Password", "Memory": "2048", "Name": "Host01", "Password": "VUNsb3VkLmNu", "Quantity": "1", "Region": "cn-bj2", "Zone": "cn-bj2-04",
		"PublicKey": a,
	}
	batch := params{"Action": "AllocateBackendBatch", "PublicKey": a}
	for i := range 12 {
		batch[fmt.Sprintf("Backends.%d", i)] = []string{"foo", "bar", "42"}[i%3]
	}
	images := request{action: actionImages, repo: "ucloud", limit: 100}
	project := images
	project.project = "org-1"
	escaped := images
	escaped.repo = "镜像 a+b/c=d&e"

	for _, test := range []struct {
		name    string
		params  params
		private string
		want    string
	}{
		{"1 vendor's page", with(hosts, "PublicKey", a), private, "cba5cf5ec4d4233d206b1b54951e3787350a642f"},
		{"2 another brand", with(hosts, "PublicKey", b), private, "4201919d267504385deb93af19e0197870fed36b"},
		{"4 another brand and region", with(hosts, "PublicKey", "john.doe@example.com1296235120854146120", "Region", "vn-sng"), private, "52fc1191f026532c9100946c6a863a90d5f766ed"},
		{"5 SDK", create, private, "4f9ef5df2abab2c6fccd1e9515cb7e2df8c6bb65"},
		{"6 SDK with token", with(create, "SecurityToken", "some_stoken"), private, "170c480ad176a247b324eb92a2cfe536aacfbd04"},
		{"7 keys sort as texts", batch, private, "6bc32642779f8cb0bb3d3f128b1c0688abf9a1a3"},
		{"8 number", with(params{"Action": "DescribeUHostInstance", "Region": "cn-bj2", "Proportion": "35"}, "PublicKey", a), private, "da620b97de476947302291fc93a2d8b0710be328"},
		{"8 fraction", with(params{"Action": "DescribeUHostInstance", "Region": "cn-bj2", "Proportion": "65.722"}, "PublicKey", a), private, "5e39dd48144d6a075328e56a6c5e9df6c39ae939"},
		{"9 no public key", params{"foo": "bar"}, "my_private_key", "634edc1bb957c0d65e5ab5494cf3b7784fbc87af"},
		{"9 public key", params{"foo": "bar", "PublicKey": "my_public_key"}, "my_private_key", "d4411ab30953fb0bbcb1e7313081f05e4e91a394"},
		{"10 images", images.params(Credentials{PublicKey: a}), private, "8701d29f389cea2ecde6b8e43de90b107304fc22"},
		{"11 images of a project", project.params(Credentials{PublicKey: a}), private, "e458414d18df6102a8a595fab0176d2685d86605"},
		{"12 images with token", project.params(Credentials{PublicKey: a, SecurityToken: "some_stoken"}), private, "b950ab2294680fd750320b165ff4b822eebb809f"},
		{"13 repos", request{action: actionRepos, kind: kindPrivate, limit: 100, project: "org-1"}.params(Credentials{PublicKey: a}), private, "2714f0ab0589690802ad9bfd5ebfb50cfd303140"},
		{"14 escapes", escaped.params(Credentials{PublicKey: a}), private, "79036a4709b75db96d52bec0e26bc73a94999a8f"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := sign(test.params, test.private); got != test.want {
				t.Errorf("signature %s, want %s", got, test.want)
			}
		})
	}
	// 3: several brands print vector 1's hash beside vector 2's key. It does not belong to it.
	if got := sign(with(hosts, "PublicKey", b), private); got == "cba5cf5ec4d4233d206b1b54951e3787350a642f" {
		t.Error("signature does not depend on the public key")
	}
}
