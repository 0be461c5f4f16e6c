using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>Makes of a draft the layout that is emitted, and finds what is wrong with it as a whole. A pure function.</summary>
internal static class LayoutResolver
{
    public static ParseResult Resolve(LayoutDraft draft, CancellationToken cancellation)
    {
        if (draft.Type is null)
            return new ParseResult(null, draft.Diagnostics);
        var diagnostics = new List<DiagnosticInfo>(draft.Diagnostics);
        var schema = new KvSchema(draft.Name, KvList.Create(draft.Groups.Select(group => group.Declared).ToArray())) { TpSizes = draft.TpSizes };
        if (schema.Groups.Count > 0)
            Validate(draft, schema, diagnostics);
        cancellation.ThrowIfCancellationRequested();
        var spec = new LayoutSpec(
            draft.Type, schema, KvList.Create(draft.Groups.Select(group => group.ToSpec()).ToArray()),
            IsStub: diagnostics.Exists(diagnostic => diagnostic.IsError));
        return new ParseResult(spec, KvList.Create(diagnostics.ToArray()));
    }

    private static void Validate(LayoutDraft draft, KvSchema schema, List<DiagnosticInfo> diagnostics)
    {
        foreach (var problem in LayoutValidator.Check(schema))
        {
            var location = problem.Group < 0 ? draft.Location : draft.Groups[problem.Group].LocationOf(problem.Component);
            diagnostics.Add(new DiagnosticInfo(LayoutDiagnostics.Of(problem.Kind), location, KvList.Create(Sentence(problem.Message))));
        }
    }

    private static string Sentence(string message) => char.ToUpperInvariant(message[0]) + message.Substring(1);
}
