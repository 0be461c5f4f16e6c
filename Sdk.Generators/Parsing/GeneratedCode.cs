using Microsoft.CodeAnalysis;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Tells what the generator wrote from what the user wrote: an analyzer that parses a layout sees both.</summary>
internal static class GeneratedCode
{
    /// <summary>How the names of generated files end.</summary>
    public const string FileSuffix = ".KvLayout.g.cs";

    /// <summary>True if the symbol is declared in generated files only.</summary>
    public static bool Contains(ISymbol symbol)
    {
        foreach (var reference in symbol.DeclaringSyntaxReferences)
        {
            if (!reference.SyntaxTree.FilePath.EndsWith(FileSuffix, StringComparison.Ordinal))
                return false;
        }
        return true;
    }
}
