using System.Collections.Immutable;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Diagnostics;
using Nixl.Sdk.Generators.Diagnostics;
using Nixl.Sdk.Generators.Model;

namespace Nixl.Sdk.Generators.ModelFiles;

/// <summary>Finds the additional file that an attribute names.</summary>
internal static class ModelFinder
{
    /// <summary>The most files that a message lists.</summary>
    private const int MaxListed = 5;

    /// <summary>The project's directory, or empty if the build does not say it.</summary>
    public static string ProjectDirectory(AnalyzerConfigOptions options) =>
        options.TryGetValue("build_property.ProjectDir", out var directory) ? directory : "";

    /// <summary>Finds and reads the file among a compilation's additional files.</summary>
    /// <param name="model">The path in the attribute, or null.</param>
    /// <param name="files">All additional files.</param>
    /// <param name="options">The global options.</param>
    /// <param name="cancellation">Stops the work.</param>
    public static ModelLookup Find(string? model, ImmutableArray<AdditionalText> files, AnalyzerConfigOptions options, CancellationToken cancellation)
    {
        if (model is null)
            return ModelLookup.None;
        var directory = ProjectDirectory(options);
        var named = files.Where(file => ModelPath.IsCandidate(file.Path) && ModelPath.Matches(file.Path, model, directory)).ToList();
        return named.Count == 1
            ? Of(ModelConfigReader.Read(named[0], cancellation))
            : NotOne(model, directory, named.Select(file => file.Path), files.Select(file => file.Path));
    }

    /// <summary>Finds the file among those that have been read.</summary>
    public static ModelLookup Find(string? model, ImmutableArray<ModelFile> files, string directory)
    {
        if (model is null)
            return ModelLookup.None;
        var named = files.Where(file => ModelPath.Matches(file.Path, model, directory)).ToList();
        return named.Count == 1
            ? Of(named[0])
            : NotOne(model, directory, named.Select(file => file.Path), files.Select(file => file.Path));
    }

    private static ModelLookup Of(ModelFile file) => new(file.Config, file.Failure);

    private static ModelLookup NotOne(string model, string directory, IEnumerable<string> named, IEnumerable<string> all)
    {
        var several = named.Select(path => ModelPath.Show(path, directory)).ToList();
        var message = several.Count > 0
            ? "Model = \"" + model + "\" names " + Literal(several.Count) + " files: " + List(several) + "; name one by its path from the project's directory"
            : "Model = \"" + model + "\" is not among the project's additional files; " + Found(all, directory) +
              "; write <AdditionalFiles Include=\"" + model + "\" /> in the project, with the path from the project's directory";
        return new ModelLookup(null, new ModelFailure(LayoutDiagnostics.ModelNotFound, message));
    }

    private static string Found(IEnumerable<string> all, string directory)
    {
        var candidates = all.Where(ModelPath.IsCandidate).Select(path => ModelPath.Show(path, directory)).ToList();
        return candidates.Count == 0 ? "it has none that end in .json" : "those that end in .json are " + List(candidates);
    }

    private static string List(List<string> paths)
    {
        paths.Sort(StringComparer.Ordinal);
        return string.Join(", ", paths.Take(MaxListed)) + (paths.Count > MaxListed ? " and " + Literal(paths.Count - MaxListed) + " more" : "");
    }

    private static string Literal(int count) => FormattableString.Invariant($"{count}");
}
