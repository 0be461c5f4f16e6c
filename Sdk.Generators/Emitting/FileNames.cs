using Nixl.Sdk.Generators.Parsing;
using Nixl.Sdk.Planning;

namespace Nixl.Sdk.Generators.Emitting;

/// <summary>
/// The names of generated files. The compiler tells them apart without case, C# tells types apart with it: two files of one name would
/// fail the whole generator.
/// </summary>
internal static class FileNames
{
    /// <summary>The names that differ from another one only in case, in ordinal order.</summary>
    public static KvList<string> Clashes(IEnumerable<string> names) => KvList.Create(names
        .GroupBy(name => name, StringComparer.OrdinalIgnoreCase)
        .Where(same => same.Skip(1).Any())
        .SelectMany(same => same)
        .OrderBy(name => name, StringComparer.Ordinal)
        .ToArray());

    /// <summary>The file of a type: named after it, and numbered from its second namesake on.</summary>
    public static string Of(string name, KvList<string> clashes)
    {
        var before = clashes.TakeWhile(other => other != name).Count(other => string.Equals(other, name, StringComparison.OrdinalIgnoreCase));
        return name + (before == 0 ? "" : "." + Literal.Of(before + 1)) + GeneratedCode.FileSuffix;
    }
}
