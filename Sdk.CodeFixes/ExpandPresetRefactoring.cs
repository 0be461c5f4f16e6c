using System.Composition;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CodeActions;
using Microsoft.CodeAnalysis.CodeRefactorings;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.CSharp.Syntax;
using Microsoft.CodeAnalysis.Formatting;
using Microsoft.CodeAnalysis.Simplification;
using Nixl.Sdk.Generators.Emitting;
using Nixl.Sdk.Generators.Parsing;
using Nixl.Sdk.Generators.Resolving;

namespace Nixl.Sdk.CodeFixes;

/// <summary>
/// "Show expanded form": writes a preset out as the [KvLayout] and the components that it stands for, with the numbers of its model file
/// filled in. The layout stays the same, fingerprint included.
/// </summary>
[ExportCodeRefactoringProvider(LanguageNames.CSharp, Name = nameof(ExpandPresetRefactoring)), Shared]
public sealed class ExpandPresetRefactoring : CodeRefactoringProvider
{
    /// <summary>What the user sees.</summary>
    internal const string Title = "Show expanded form";

    /// <inheritdoc/>
    public override async Task ComputeRefactoringsAsync(CodeRefactoringContext context)
    {
        var (document, cancellation) = (context.Document, context.CancellationToken);
        if (await document.GetSyntaxRootAsync(cancellation).ConfigureAwait(false) is not { } root ||
            await document.GetSemanticModelAsync(cancellation).ConfigureAwait(false) is not { } model ||
            root.FindNode(context.Span).FirstAncestorOrSelf<TypeDeclarationSyntax>() is not { } type ||
            model.GetDeclaredSymbol(type, cancellation) is not { } symbol ||
            AttributeReader.Find(symbol, KnownNames.KvPreset) is not { } data ||
            data.ApplicationSyntaxReference?.GetSyntax(cancellation) is not AttributeSyntax attribute || !type.Contains(attribute))
        {
            return;
        }
        var options = document.Project.AnalyzerOptions;
        var result = LayoutResolver.Resolve(
            LayoutParser.Parse(symbol, data, cancellation), options.AdditionalFiles, options.AnalyzerConfigOptionsProvider.GlobalOptions, cancellation);
        if (result.Layout is not { IsStub: false } layout)
            return; // its errors come first
        context.RegisterRefactoring(CodeAction.Create(
            Title, _ => Task.FromResult(document.WithSyntaxRoot(root.ReplaceNode(type, Expand(type, attribute, ExpandedForm.Of(layout))))), Title));
    }

    private static TypeDeclarationSyntax Expand(TypeDeclarationSyntax type, AttributeSyntax preset, ExpandedForm form)
    {
        var written = (StructDeclarationSyntax)SyntaxFactory.ParseMemberDeclaration("[" + form.Attribute + "] struct Written\n{\n" + form.Members + "}\n")!;
        var attribute = written.AttributeLists[0].Attributes[0].WithTriviaFrom(preset);
        var expanded = type.ReplaceNode(preset, attribute);
        var hasBody = !type.OpenBraceToken.IsKind(SyntaxKind.None);
        var open = hasBody ? expanded.OpenBraceToken : written.OpenBraceToken.WithTrailingTrivia();
        if (!open.TrailingTrivia.Any(SyntaxKind.EndOfLineTrivia))
            open = open.WithTrailingTrivia(open.TrailingTrivia.Add(SyntaxFactory.ElasticLineFeed));
        return expanded
            .WithSemicolonToken(default)
            .WithOpenBraceToken(open)
            .WithMembers(expanded.Members.AddRange(written.Members))
            .WithCloseBraceToken((hasBody ? expanded.CloseBraceToken : written.CloseBraceToken).WithTrailingTrivia(type.GetTrailingTrivia()))
            .WithAdditionalAnnotations(Formatter.Annotation, Simplifier.Annotation);
    }
}
