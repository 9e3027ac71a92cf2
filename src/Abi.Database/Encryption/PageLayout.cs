namespace Abi.Database.Encryption;

/// <summary>Where the pages of a <see cref="PageFile"/> stand: a first page of <see cref="FirstPageBytes"/> of content, then pages of the same length each, the last one perhaps shorter.</summary>
/// <param name="PageBytes">The content of a page that is not the first.</param>
internal readonly record struct PageLayout(int PageBytes)
{
    /// <summary>The content of the first page.</summary>
    public const int FirstPageBytes = 4096;

    /// <summary>The most bytes that a page takes in the file.</summary>
    public int LargestPage => Math.Max(FirstPageBytes, PageBytes) + PageFile.TrailerBytes;

    /// <summary>The number of the page that a byte of the content is in.</summary>
    public long PageOf(long offset) => offset < FirstPageBytes ? 0 : 1 + ((offset - FirstPageBytes) / PageBytes);

    /// <summary>Where a page's content begins in the content.</summary>
    public long ContentOffset(long page) => page == 0 ? 0 : FirstPageBytes + ((page - 1) * PageBytes);

    /// <summary>Where a page begins in the file.</summary>
    public long FileOffset(long page) => PageFile.HeaderBytes + ContentOffset(page) + (page * PageFile.TrailerBytes);

    /// <summary>The bytes of content in a page.</summary>
    public int ContentBytes(long page, long contentLength) => (int)Math.Clamp(contentLength - ContentOffset(page), 0, page == 0 ? FirstPageBytes : PageBytes);

    /// <summary>The pages of a content: at least the first.</summary>
    public long Pages(long contentLength) => contentLength == 0 ? 1 : PageOf(contentLength - 1) + 1;

    /// <summary>The bytes of the whole file.</summary>
    public long FileBytes(long contentLength) => PageFile.HeaderBytes + contentLength + (Pages(contentLength) * PageFile.TrailerBytes);
}
