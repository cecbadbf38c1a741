package main

import (
	"errors"
	"fmt"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// monitoring returns what is wrong with an object of the Prometheus operator, and whether the document is one. The API server knows
// no more of them than their schema, of which the operator's own types are made.
func monitoring(document []byte) (error, bool) {
	var head metav1.TypeMeta
	if err := yaml.Unmarshal(document, &head); err != nil || head.GroupVersionKind().GroupVersion() != monitoringv1.SchemeGroupVersion {
		return nil, false
	}
	switch head.Kind {
	case monitoringv1.PrometheusRuleKind:
		var rule monitoringv1.PrometheusRule
		err := yaml.UnmarshalStrict(document, &rule)
		for _, group := range rule.Spec.Groups {
			for _, r := range group.Rules {
				if r.Alert == "" || r.Expr.String() == "" {
					err = errors.Join(err, fmt.Errorf("%s %s: group %s: a rule without name or expression", head.Kind, rule.Name, group.Name))
				}
			}
		}
		if len(rule.Spec.Groups) == 0 {
			err = errors.Join(err, fmt.Errorf("%s %s: no groups", head.Kind, rule.Name))
		}
		return err, true
	case monitoringv1.PodMonitorsKind:
		var monitor monitoringv1.PodMonitor
		err := yaml.UnmarshalStrict(document, &monitor)
		if _, selector := metav1.LabelSelectorAsSelector(&monitor.Spec.Selector); selector != nil {
			err = errors.Join(err, selector)
		}
		if len(monitor.Spec.PodMetricsEndpoints) == 0 {
			err = errors.Join(err, fmt.Errorf("%s %s: no endpoint", head.Kind, monitor.Name))
		}
		return err, true
	default:
		return fmt.Errorf("kind %s of the Prometheus operator is not known here", head.Kind), true
	}
}
