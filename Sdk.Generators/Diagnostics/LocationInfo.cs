using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.Text;

namespace Nixl.Sdk.Generators.Diagnostics;

/// <summary>A place in a file as a value: unlike a <see cref="Location"/> it holds no syntax tree, and with it no compilation.</summary>
internal sealed record LocationInfo(string Path, TextSpan Span, LinePositionSpan Lines)
{
    public static LocationInfo? From(Location? location) =>
        location?.SourceTree is null ? null : new LocationInfo(location.SourceTree.FilePath, location.SourceSpan, location.GetLineSpan().Span);

    public Location ToLocation() => Location.Create(Path, Span, Lines);
}
