package main

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/api/pod"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/batch"
	_ "k8s.io/kubernetes/pkg/apis/batch/install"
	batchvalidation "k8s.io/kubernetes/pkg/apis/batch/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
)

var codecs = serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict)

// check returns everything that is wrong with one manifest.
func check(document []byte) error {
	if err, ok := monitoring(document); ok {
		return err
	}
	object, kind, err := codecs.UniversalDecoder().Decode(document, nil, nil) // fills in the defaults
	if err != nil {
		return err
	}
	metadata, err := meta.Accessor(object)
	if err != nil {
		return err
	}
	if metadata.GetNamespace() == "" {
		metadata.SetNamespace("default") // whoever applies it names one
	}
	faults, template := validate(object)
	errs := []error{faults.ToAggregate()}
	if template != nil {
		errs = append(errs, restricted(template))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("%s %s: %w", kind.Kind, metadata.GetName(), err)
	}
	return nil
}

// validate calls the validation that belongs to an object's kind, and returns the template of its pods, if it makes any.
func validate(object runtime.Object) (field.ErrorList, *core.PodTemplateSpec) {
	switch o := object.(type) {
	case *batch.CronJob:
		template := &o.Spec.JobTemplate.Spec.Template
		return batchvalidation.ValidateCronJobCreate(o, pod.GetValidationOptionsFromPodTemplate(template, nil)), template
	case *batch.Job:
		return validate(hourly(o))
	case *apps.Deployment:
		template := &o.Spec.Template
		return appsvalidation.ValidateDeployment(o, pod.GetValidationOptionsFromPodTemplate(template, nil)), template
	case *core.ConfigMap:
		return corevalidation.ValidateConfigMap(o), nil
	case *core.Service:
		return corevalidation.ValidateServiceCreate(o), nil
	case *core.Namespace:
		o.Namespace = ""
		return corevalidation.ValidateNamespace(o), nil
	case *core.PersistentVolumeClaim:
		return corevalidation.ValidatePersistentVolumeClaim(o, corevalidation.ValidationOptionsForPersistentVolumeClaim(o, nil)), nil
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(o, networkingvalidation.NetworkPolicyValidationOptions{}), nil
	default:
		return field.ErrorList{field.NotSupported(field.NewPath("kind"), fmt.Sprintf("%T", object), []string{
			"CronJob", "Job", "Deployment", "ConfigMap", "Service", "Namespace", "PersistentVolumeClaim", "NetworkPolicy",
		})}, nil
	}
}

// hourly wraps a job: Kubernetes validates a bare one only after it has given it a selector.
func hourly(job *batch.Job) *batch.CronJob {
	return &batch.CronJob{ObjectMeta: job.ObjectMeta, Spec: batch.CronJobSpec{
		Schedule: "0 * * * *", ConcurrencyPolicy: batch.AllowConcurrent,
		JobTemplate: batch.JobTemplateSpec{Spec: job.Spec},
	}}
}
