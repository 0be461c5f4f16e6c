using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Nixl.Sdk.Generators.Parsing;

namespace Nixl.Sdk.CodeFixes;

/// <summary>Finds and changes the attributes of layouts and groups.</summary>
internal static class LayoutAttributes
{
    /// <summary>The group attributes that a node belongs to, nearest first: of the group itself, then of the layout around it.</summary>
    public static IEnumerable<AttributeData> Around(SyntaxNode node, SemanticModel model, CancellationToken cancellation)
    {
        var declaration = node.FirstAncestorOrSelf<TypeDeclarationSyntax>();
        var type = declaration is null ? null : model.GetDeclaredSymbol(declaration, cancellation);
        for (; type is not null; type = type.ContainingType)
        {
            foreach (var attribute in type.GetAttributes())
            {
                if (IsGroup(attribute.AttributeClass))
                    yield return attribute;
            }
        }
    }

    /// <summary>The syntax of the nearest group attribute: the node itself where a diagnostic points at one.</summary>
    public static AttributeSyntax? Nearest(SyntaxNode node, SemanticModel model, CancellationToken cancellation) =>
        node.FirstAncestorOrSelf<AttributeSyntax>() ??
        Around(node, model, cancellation).FirstOrDefault()?.ApplicationSyntaxReference?.GetSyntax(cancellation) as AttributeSyntax;

    public static AttributeArgumentSyntax? Named(AttributeSyntax attribute, string name) =>
        attribute.ArgumentList?.Arguments.FirstOrDefault(argument => argument.NameEquals?.Name.Identifier.ValueText == name);

    public static AttributeArgumentSyntax? Order(AttributeSyntax attribute) =>
        attribute.ArgumentList?.Arguments.FirstOrDefault(argument => argument.NameEquals is null);

    /// <summary>True if the attribute's type has the property: not every attribute that makes a layout has all numbers.</summary>
    public static bool Has(AttributeSyntax attribute, string name, SemanticModel model, CancellationToken cancellation)
    {
        var there = attribute.SyntaxTree == model.SyntaxTree ? model : model.Compilation.GetSemanticModel(attribute.SyntaxTree);
        for (var type = there.GetTypeInfo(attribute, cancellation).Type; type is not null; type = type.BaseType)
        {
            if (type.GetMembers(name).Any(member => member is IPropertySymbol))
                return true;
        }
        return false;
    }

    public static AttributeSyntax With(AttributeSyntax attribute, string name, long value)
    {
        var number = SyntaxFactory.LiteralExpression(SyntaxKind.NumericLiteralExpression, SyntaxFactory.Literal((int)value));
        if (Named(attribute, name) is { } present)
            return attribute.ReplaceNode(present.Expression, number.WithTriviaFrom(present.Expression));
        var added = SyntaxFactory.AttributeArgument(number).WithNameEquals(SyntaxFactory.NameEquals(name).NormalizeWhitespace());
        var arguments = attribute.ArgumentList?.Arguments ?? default;
        return attribute.WithArgumentList(SyntaxFactory.AttributeArgumentList(arguments.Count == 0
            ? SyntaxFactory.SingletonSeparatedList(added)
            : arguments.Add(added.WithLeadingTrivia(SyntaxFactory.Space))));
    }

    /// <summary>Without one argument, and without parentheses if it was the only one.</summary>
    public static AttributeSyntax Without(AttributeSyntax attribute, AttributeArgumentSyntax argument)
    {
        var left = attribute.ArgumentList!.Arguments.Remove(argument);
        if (left.Count == 0)
            return attribute.WithArgumentList(null);
        return attribute.WithArgumentList(attribute.ArgumentList.WithArguments(
            left.Replace(left[0], left[0].WithLeadingTrivia(attribute.ArgumentList.Arguments[0].GetLeadingTrivia()))));
    }

    private static bool IsGroup(INamedTypeSymbol? type)
    {
        for (; type is not null; type = type.BaseType)
        {
            if (type.ToDisplayString() == KnownNames.KvGroup)
                return true;
        }
        return false;
    }
}
