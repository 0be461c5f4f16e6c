using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>A place in a file as a value: unlike a <see cref="Location"/> it holds no syntax tree, and with it no compilation.</summary>
internal sealed record LocationInfo(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationInfo? From(Location? location) =>
        location?.SourceTree is null ? null : new LocationInfo(location.SourceTree.FilePath, location.SourceSpan, location.GetLineSpan().Span);

    /// <summary>The place in the one of <paramref name="trees"/> that it is in; without a tree if it is in none.</summary>
    public Location ToLocation(IEnumerable<SyntaxTree> trees)
    {
        var tree = trees.FirstOrDefault(tree => tree.FilePath == Path && Span.End <= tree.Length);
        return tree is null ? Location.Create(Path, Span, Lines) : Location.Create(tree, Span);
    }
}
