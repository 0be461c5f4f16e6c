extern alias Generator;

using Generator::Nixl.Sdk.Generators.Model;
using Generator::Nixl.Sdk.Generators.Parsing;
using Generator::Nixl.Sdk.Generators.Resolving;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Nixl.Sdk.Generators.Tests.Support;

/// <summary>The parser and the resolver as an analyzer calls them: on symbols, with the additional files of the compilation.</summary>
internal static class SharedPipeline
{
    /// <summary>
    /// An analyzer sees a layout with its generated part, the generator without: both must make the same of it, or they would report
    /// different mistakes.
    /// </summary>
    public static void AssertSameBeforeAndAfterGeneration(Compilation before, Compilation after, AdditionalText[] files) =>
        Assert.Equal(Resolve(before, files), Resolve(after, files));

    /// <summary>What is made of each layout type of a compilation, in the order of the types.</summary>
    public static List<ParseResult> Resolve(Compilation compilation, params AdditionalText[] files) =>
    [
        .. from type in compilation.GetSymbolsWithName(_ => true, SymbolFilter.Type).OfType<INamedTypeSymbol>()
           orderby type.ToDisplayString()
           from attribute in type.GetAttributes()
           where attribute.AttributeClass?.ToDisplayString() is KnownNames.KvLayout or KnownNames.KvPreset
           let draft = LayoutParser.Parse(type, attribute, CancellationToken.None)
           select LayoutResolver.Resolve(draft, [.. files], new TestOptions().GlobalOptions, CancellationToken.None)
    ];
}
