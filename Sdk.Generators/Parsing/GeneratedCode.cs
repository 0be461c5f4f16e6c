using Microsoft.CodeAnalysis;
using Nixl.Sdk.Generators.Model;

namespace Nixl.Sdk.Generators.Parsing;

/// <summary>Tells what the generator wrote from what the user wrote: an analyzer that parses a layout sees both.</summary>
internal static class GeneratedCode
{
    /// <summary>True if the symbol is declared in generated files only.</summary>
    public static bool Contains(ISymbol symbol)
    {
        foreach (var reference in symbol.DeclaringSyntaxReferences)
        {
            if (!reference.SyntaxTree.FilePath.EndsWith(TypeSpec.FileSuffix, StringComparison.Ordinal))
                return false;
        }
        return true;
    }
}
