extern alias Generator;

using System.Reflection;
using Generator::Nixl.Sdk.Generators.Model;
using Microsoft.CodeAnalysis;
using Xunit;

namespace Nixl.Sdk.Generators.Tests;

/// <summary>The pipeline's values hold nothing that keeps a compilation alive, and compare by value all the way down.</summary>
public sealed class ModelTests
{
    private static readonly Type[] Forbidden = [typeof(ISymbol), typeof(SyntaxNode), typeof(SyntaxTree), typeof(Compilation), typeof(Location), typeof(SemanticModel)];

    private static IEnumerable<Type> Models => new[] { typeof(LayoutDraft), typeof(ModelFile), typeof(ModelLookup), typeof(ParseResult) }.SelectMany(Reachable).Distinct();

    [Fact]
    public void No_model_type_holds_a_symbol_a_node_a_location_or_a_compilation() => Assert.All(
        Models, type => Assert.DoesNotContain(Forbidden, forbidden => forbidden.IsAssignableFrom(type)));

    [Fact]
    public void Every_model_type_compares_by_value() => Assert.All(
        Models.Where(type => !type.IsEnum && !type.IsPrimitive && type != typeof(string)),
        type => Assert.Contains(typeof(IEquatable<>).MakeGenericType(type), type.GetInterfaces()));

    [Fact]
    public void The_walk_finds_what_it_should()
    {
        var names = Models.Select(type => type.Name).ToList();
        Assert.Contains("KvComponentSchema", names);
        Assert.Contains("PropertySpec", names);
        Assert.Contains("LocationInfo", names);
        Assert.Contains("KvPreset", names);
        Assert.Contains("ModelConfig", names);
    }

    // All field types from here on, through our own types and their lists; descriptors are static and hold texts only.
    private static HashSet<Type> Reachable(Type root)
    {
        var seen = new HashSet<Type>();
        var open = new Stack<Type>([root]);
        while (open.TryPop(out var type))
        {
            if (type == typeof(DiagnosticDescriptor) || !seen.Add(type))
                continue;
            foreach (var argument in type.GetGenericArguments())
                open.Push(argument);
            if (type.Namespace?.StartsWith("Nixl", StringComparison.Ordinal) != true || type.IsEnum || type.Name == "KvList`1")
                continue;
            foreach (var field in type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public))
                open.Push(field.FieldType);
        }
        return seen;
    }
}
