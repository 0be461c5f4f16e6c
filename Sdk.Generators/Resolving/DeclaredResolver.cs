using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>Resolves a layout whose components are written out.</summary>
internal static class DeclaredResolver
{
    public static LayoutSpec Resolve(LayoutDraft draft, TypeSpec type, ModelLookup model, Report report)
    {
        foreach (var group in draft.Groups)
        {
            if (group.LayerType is not null && draft.Model is null)
                report.Add(LayoutDiagnostics.ModelUse, "LayerType chooses layers of a model file; name the file with Model on [KvLayout]", group.Location);
        }
        var groups = draft.Groups.Select(group => model.Config is null ? group.Declared : ModelFill.Fill(group, model.Config, report));
        var schema = new KvSchema(draft.Name, KvList.Create(groups.ToArray())) { TpSizes = draft.TpSizes };

        // Without the file that it counts on, everything would be found missing once more.
        if (schema.Groups.Count > 0 && (draft.Model is null || model.Config is not null))
        {
            foreach (var problem in LayoutValidator.Check(schema))
                report.Add(problem, problem.Group < 0 ? null : draft.Groups[problem.Group].LocationOf(problem.Component));
        }
        return new LayoutSpec(
            type, schema, KvList.Create(draft.Groups.Select(group => group.ToSpec()).ToArray()), IsPreset: false, IsStub: false);
    }
}
