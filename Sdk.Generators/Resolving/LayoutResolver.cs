using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Nixl.Sdk.Generators.Model;
using Nixl.Sdk.Generators.ModelFiles;

namespace Nixl.Sdk.Generators.Resolving;

/// <summary>
/// Makes of a draft and the model file that it names the layout that is emitted, and finds what is wrong with it as a whole. Pure functions.
/// </summary>
internal static class LayoutResolver
{
    /// <summary>For an analyzer: finds the model file among a compilation's additional files.</summary>
    /// <param name="draft">What the symbols say.</param>
    /// <param name="files">All additional files.</param>
    /// <param name="options">The global options, which name the project's directory.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static ParseResult Resolve(
        LayoutDraft draft, ImmutableArray<AdditionalText> files, AnalyzerConfigOptions options, CancellationToken cancellation) =>
        Resolve(draft, ModelFinder.Find(draft.Model, files, options, cancellation), cancellation);

    public static ParseResult Resolve(LayoutDraft draft, ModelLookup model, CancellationToken cancellation)
    {
        var report = new Report(draft.Location, draft.Diagnostics);
        if (draft.Type is null)
            return new ParseResult(null, report.ToList());
        if (model.Failure is { } failure)
            report.Add(failure.Descriptor, failure.Message);
        var spec = draft.Preset is null
            ? DeclaredResolver.Resolve(draft, draft.Type, model, report)
            : PresetResolver.Resolve(draft, draft.Type, draft.Preset, model, report);
        cancellation.ThrowIfCancellationRequested();
        return new ParseResult(spec with { IsStub = report.HasErrors }, report.ToList());
    }
}
