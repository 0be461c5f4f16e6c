using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text;

namespace Nixl.Sdk.Package.Tests.Support;

/// <summary>What the symbols inside an assembly say of its sources.</summary>
internal sealed class Symbols
{
    private static readonly Guid SourceLinkKind = new("CC110556-A091-4D38-9FEC-25AB9A351A6A");

    private Symbols(IReadOnlyList<string> documents, string? sourceLink)
    {
        Documents = documents;
        SourceLink = sourceLink;
    }

    /// <summary>Source paths.</summary>
    public IReadOnlyList<string> Documents { get; }

    /// <summary>The source link document (JSON), or null.</summary>
    public string? SourceLink { get; }

    public static Symbols Read(string assembly)
    {
        using var image = new PEReader(File.OpenRead(assembly));
        var entry = image.ReadDebugDirectory().Single(entry => entry.Type == DebugDirectoryEntryType.EmbeddedPortablePdb);
        using var provider = image.ReadEmbeddedPortablePdbDebugDirectoryData(entry);
        var reader = provider.GetMetadataReader();
        var documents = reader.Documents.Select(handle => reader.GetString(reader.GetDocument(handle).Name)).ToArray();
        var links =
            from handle in reader.GetCustomDebugInformation(EntityHandle.ModuleDefinition)
            let information = reader.GetCustomDebugInformation(handle)
            where reader.GetGuid(information.Kind) == SourceLinkKind
            select Encoding.UTF8.GetString(reader.GetBlobBytes(information.Value));
        return new Symbols(documents, links.SingleOrDefault());
    }
}
